import type { TeamServer } from '../../../application/ports/backend.ts';

/** What CLIs call the server that reaches an agent's team. Users have none of this name: `maos init` says `maos`. */
export const teamServerName = 'maos-team';

/** A question waits for its answer as long as people take: no CLI is to call it off before. */
export const longestCallMs = 24 * 3_600_000;

/** How long a CLI gives it to start: a busy machine takes its time. */
export const startMs = 30_000;

/**
 * Its environment as settings tell it. Secrets are named, not written: others can read command lines and settings.
 * @param refer how these settings name a variable
 */
export function serverEnvironment(
  { env, passes }: TeamServer,
  refer: (name: string) => string,
): Readonly<Record<string, string>> {
  return { ...env, ...Object.fromEntries(passes.map((name) => [name, refer(name)])) };
}

/** `${NAME}`, as most have it. */
export const inBraces = (name: string): string => `\${${name}}`;
