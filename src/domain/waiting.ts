/** Why a ready agent is not started. */
export type WaitCause =
  /** `limit`: how many may run at once; null in events of the first versions. */
  | { readonly cause: 'session_limit' | 'role_limit' | 'machine_limit'; readonly limit: number | null }
  /** MAOS cannot determine whether the machine has room. */
  | { readonly cause: 'machine_unknown'; readonly error: string }
  | { readonly cause: 'memory'; readonly freeMb: number; readonly neededMb: number }
  /** ISO 8601. */
  | { readonly cause: 'provider'; readonly until: string }
  /** Variables that were set when the session started and are not set in its current owner. */
  | { readonly cause: 'environment'; readonly missing: readonly string[] }
  /** No host can take it; `reason` says of each why. */
  | { readonly cause: 'placement'; readonly reason: string }
  /** The sentence of an earlier version. */
  | { readonly cause: 'other'; readonly said: string };

const limitTexts = {
  session_limit: ['limit of the session reached', 'at once'],
  role_limit: ['limit of the role reached', 'at once'],
  machine_limit: ['limit of this machine reached', 'agents'],
} as const;

/** For people. */
export function waitText(why: WaitCause): string {
  switch (why.cause) {
    case 'session_limit':
    case 'role_limit':
    case 'machine_limit': {
      const [text, unit] = limitTexts[why.cause];
      return why.limit === null ? text : `${text} (${why.limit} ${unit})`;
    }
    case 'machine_unknown':
      return `cannot count the agents on this machine: ${why.error}`;
    case 'memory':
      return `not enough free memory on this machine (${why.freeMb} MiB free, ${why.neededMb} MiB needed)`;
    case 'provider':
      return `rate limited by its provider (until ${why.until})`;
    case 'environment':
      return lackText(why.missing);
    case 'placement':
      return why.reason;
    case 'other':
      return why.said;
  }
}

/** The sentence that programs have received since the first version; its first word is the cause. */
export function waitSentence(why: WaitCause): string {
  switch (why.cause) {
    case 'session_limit':
    case 'role_limit':
    case 'machine_limit':
      return why.limit === null ? why.cause : `${why.cause} of ${why.limit} ${limitTexts[why.cause][1]}`;
    case 'machine_unknown':
      return `machine_limit cannot be looked up: ${why.error}`;
    case 'memory':
      return `memory: ${why.freeMb} MiB free, it needs ${why.neededMb} MiB`;
    case 'provider':
      return `provider until ${why.until}`;
    case 'environment':
      return `environment: ${lackText(why.missing)}`;
    case 'placement':
      return `placement: ${why.reason}`;
    case 'other':
      return why.said;
  }
}

/**
 * Advises to resume from an environment with the variables, because the next owner inherits the environment of that
 * process.
 */
function lackText(missing: readonly string[]): string {
  const what = missing.slice(0, 5).join(', ') + (missing.length > 5 ? ' and more' : '');
  return `the session was started with ${what}, which its maos process does not have; pause the session, and resume it from a shell that has`;
}

/** Parses the sentence of an earlier version. */
export function readWaitSentence(said: string): WaitCause {
  const limit = /^(session_limit|role_limit|machine_limit)(?: of (\d+) (?:at once|agents))?$/.exec(said);
  if (limit !== null) {
    return {
      cause: limit[1] as keyof typeof limitTexts,
      limit: limit[2] === undefined ? null : Number(limit[2]),
    };
  }
  const memory = /^memory: (\d+) MiB free, it needs (\d+) MiB$/.exec(said);
  if (memory !== null) return { cause: 'memory', freeMb: Number(memory[1]), neededMb: Number(memory[2]) };
  const provider = /^provider until (\S+)$/.exec(said);
  if (provider !== null) return { cause: 'provider', until: provider[1] as string };
  const unknown = /^machine_limit cannot be looked up: (.*)$/s.exec(said);
  if (unknown !== null) return { cause: 'machine_unknown', error: unknown[1] as string };
  return { cause: 'other', said: said.replace(/^environment: /, '') };
}
