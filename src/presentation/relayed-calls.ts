import { isAbsolute, relative } from 'node:path';
import type { TeamAsk } from '../application/ports/team-calls.ts';
import type { Runtime } from '../application/runtime.ts';
import { type ErrorCode, MaosError } from '../domain/errors.ts';

type Environment = Readonly<Record<string, string | undefined>>;

/** Commands with which programs of an agent reach its team. */
export const relayedCommands: ReadonlySet<string> = new Set(['ask', 'message', 'claim', 'release', 'report']);

/** Whether the team of the agent that an environment names is on another machine. */
export function isAwayFromHome(env: Environment): boolean {
  return (env.MAOS_AGENT_CALLS ?? '') !== '';
}

/** Has a tool called at home. @throws MaosError as the tool does; INVALID_TRANSITION when the signal has aborted */
export async function relayTool(
  runtime: Runtime,
  env: Environment,
  { name, input }: { readonly name: string; readonly input: unknown },
  signal: AbortSignal,
): Promise<string> {
  const outcome = await relay(runtime, env, { type: 'tool', name, input: atHome(input, env) }, signal);
  if (outcome?.type === 'text') return outcome.text;
  throw outcome === null || outcome.type === 'exit'
    ? new MaosError('INVALID_TRANSITION', 'The call was withdrawn before its home has answered.')
    : new MaosError(outcome.code as ErrorCode, outcome.message);
}

/** Has a command run at home. @returns null when the signal has aborted @throws MaosError */
export async function relayCommand(
  runtime: Runtime,
  env: Environment,
  { args, stdin, cwd }: { readonly args: readonly string[]; readonly stdin: string; readonly cwd: string },
  signal: AbortSignal,
): Promise<{ readonly status: number; readonly stdout: string; readonly stderr: string } | null> {
  const folder = relative(env.MAOS_PROJECT_ROOT ?? cwd, cwd);
  const outcome = await relay(runtime, env, { type: 'command', args, stdin, folder }, signal);
  if (outcome?.type === 'error') throw new MaosError(outcome.code as ErrorCode, outcome.message);
  return outcome?.type === 'exit' ? outcome : null;
}

function relay(runtime: Runtime, env: Environment, ask: TeamAsk, signal: AbortSignal) {
  return runtime.callTeam(env.MAOS_AGENT_CALLS ?? '', ask, signal);
}

/** Paths of this machine, relative to the agent's folder, as its home knows them. */
function atHome(input: unknown, { MAOS_PROJECT_ROOT: root = '' }: Environment): unknown {
  if (typeof input !== 'object' || input === null || !('paths' in input)) return input;
  const { paths } = input;
  if (!Array.isArray(paths)) return input;
  return {
    ...input,
    paths: paths.map((path: unknown) =>
      typeof path === 'string' && root !== '' && isAbsolute(path) ? relative(root, path) : path,
    ),
  };
}
