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

/** What checks are about. */
export interface ProofSubject {
  /** Full id; null outside a worktree. */
  readonly commit: string | null;
  /** Protected files that the agent had changed, and that were taken from the base. */
  readonly restored: readonly string[];
}

export interface FailedCheck {
  readonly report: CheckReport;
  /** The end of its output, for the agent that mends what it found. */
  readonly outputTail: string;
}

/** What MAOS knows about the proof of an agent's work. Null before its program has finished for the first time. */
export interface Proof {
  /**
   * Whether its program has finished and its work waits for the verdict. Until then the program is not started again,
   * whatever interrupts the checks.
   */
  readonly isDue: boolean;
  /** Number of commands that were started, over all attempts. */
  readonly checks: number;
  /** Index of the command in {@link VerifyRules.commands} that runs, or runs next. */
  readonly command: number;
  /** Number of fix rounds that have begun. */
  readonly round: number;
  /** Null until it is known, for each time that its program has finished. */
  readonly subject: ProofSubject | null;
  /** When the command that runs now was recorded as started; null: none runs. */
  readonly runningSince: string | null;
  /** The command that failed, until the agent's program has finished again. */
  readonly failed: FailedCheck | null;
  /** How long the program of its last attempt ran, in milliseconds, without the checks. */
  readonly ranMs: number;
}

export const noProof: Proof = {
  isDue: false,
  checks: 0,
  command: 0,
  round: 0,
  subject: null,
  runningSince: null,
  failed: null,
  ranMs: 0,
};

/** Fix rounds of an agent that lands work without checks of its own: for the merge that it must finish. */
const landingRounds = 2;

export function fixRoundsOf({
  verify,
  lands,
}: {
  readonly verify: VerifyRules | null;
  readonly lands: unknown;
}): number {
  return verify?.fixRounds ?? (lands === null ? 0 : landingRounds);
}

export function hasPassed({ exitCode, reason }: Pick<CheckReport, 'exitCode' | 'reason'>): boolean {
  return exitCode === 0 && reason === null;
}

/** How a check ended, for people: "exit status 1", "signal SIGKILL", or why it was ended; without a full stop. */
export function checkEndText({ exitCode, signal, reason }: CheckReport): string {
  if (reason !== null) return reason.replace(/\.$/, '');
  return signal === null ? `exit status ${exitCode}` : `signal ${signal}`;
}

/** What follows in the proof of a finished agent's work. */
export type ProofStep =
  /** A check that was recorded as started. */
  | { readonly step: 'follow'; readonly check: number }
  | { readonly step: 'check'; readonly check: number; readonly command: string }
  | { readonly step: 'fix'; readonly round: number; readonly failed: FailedCheck }
  | { readonly step: 'fail'; readonly failed: FailedCheck }
  | { readonly step: 'proven' };

/** @param rules null: nothing has to be checked */
export function nextStep(proof: Proof, rules: VerifyRules | null, fixRounds: number): ProofStep {
  const { checks, command, round, failed } = proof;
  if (proof.runningSince !== null) return { step: 'follow', check: checks };
  if (failed !== null) {
    return round < fixRounds ? { step: 'fix', round: round + 1, failed } : { step: 'fail', failed };
  }
  const next = rules?.commands[command];
  return next === undefined ? { step: 'proven' } : { step: 'check', check: checks + 1, command: next };
}
