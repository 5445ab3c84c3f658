import type { TeamServer } from '../../../application/ports/backend.ts';

/**
 * The name under which CLIs know the server that connects an agent to its team. It cannot collide with a user's server
 * from `maos init`, which is named `maos`.
 */
export const teamServerName = 'maos-team';

/**
 * Tool timeout, for some CLIs also that of the start. A question that is asked again in the same words continues to
 * wait.
 */
export const longestCallMs = 3_600_000;

/** How long a CLI waits for the server to start; generous, for busy machines. */
export const startMs = 30_000;

/**
 * The server's environment for a CLI's settings. Secrets appear only as references to variables, because others can
 * read command lines and settings.
 * @param refer writes a reference to a variable in the syntax of these settings
 */
export function serverEnvironment(
  { env, passes }: TeamServer,
  refer: (name: string) => string,
): Readonly<Record<string, string>> {
  return { ...env, ...Object.fromEntries(passes.map((name) => [name, refer(name)])) };
}

/** `${NAME}`, the syntax of most CLIs. */
export const inBraces = (name: string): string => `\${${name}}`;
