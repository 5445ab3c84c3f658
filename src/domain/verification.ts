/** How an agent's work is checked before the agent counts as completed. */
export interface VerifyRules {
  /** Lines for `/bin/sh -c`, run one after the other until one fails. At least one. */
  readonly commands: readonly string[];
  /** For each command. */
  readonly timeoutMs: number;
  /** How often the agent may try to mend what a check found. */
  readonly fixRounds: number;
  /** Globs of files that are taken from the base before the check, so that an agent cannot change its own judge. */
  readonly protect: readonly string[];
}

export const verifyDefaults = { timeoutMs: 30 * 60_000, fixRounds: 2, protect: [] } as const;

/** What one command of a check found. */
export interface CheckReport {
  /** Unique for the agent: 1 for its first command ever checked. */
  readonly check: number;
  readonly command: string;
  /** Full id; null outside a worktree. */
  readonly commit: string | null;
  /** At most one of exitCode and signal is null; both are when it did not end by itself. */
  readonly exitCode: number | null;
  readonly signal: string | null;
  /** Why it was ended, or could not be run; null: it ended by itself. */
  readonly reason: string | null;
  readonly startedAt: string;
  readonly endedAt: string;
  /** Of its whole output, stdout then stderr; hexadecimal. */
  readonly logSha256: string;
  readonly logBytes: number;
  /** Protected files that the agent had changed, and that were taken from the base. */
  readonly restored: readonly string[];
}

/** What MAOS knows about the proof of an agent's work. Null for an agent without checks, and before the first. */
export interface Proof {
  /** Number of commands that were started, over all attempts. */
  readonly checks: number;
  /** Index of the command in {@link VerifyRules.commands} that runs, or runs next. */
  readonly command: number;
  /** Number of fix rounds that have begun. */
  readonly round: number;
  /** The last command that failed, with the end of its output, until the agent's next check passes. */
  readonly failed: { readonly report: CheckReport; readonly outputTail: string } | null;
}

export function hasPassed({ exitCode, reason }: Pick<CheckReport, 'exitCode' | 'reason'>): boolean {
  return exitCode === 0 && reason === null;
}
