import type { LaunchSpec, ProgramLookup } from '../../application/ports/agent-host.ts';
import type { Backend } from '../../application/ports/backend.ts';
import { MaosError } from '../../domain/errors.ts';
import { commandRole } from '../../domain/roles/command-role.ts';
import { resolveProgram } from '../process/launch/program.ts';
import { exitFailure } from './shared/exit-failure.ts';
import { TextParser } from './shared/text-output.ts';

const shell = '/bin/sh';
/** For `probe`, which checks this machine. */
const hereProgram: ProgramLookup = async (name) => resolveProgram(name, '/', undefined);
/**
 * Any program as an agent: the prompt is on its stdin, except in the role `command`, whose program is not told a task. Exit status 0 is success, and its last lines are the result.
 */
export function makeCommandBackend(): Backend {
  return {
    name: 'command',
    capabilities: {
      output: 'lines',
      resumes: false,
      receives: false,
      asksPermission: false,
      takesCommand: true,
      servesMcp: false,
      showsTeamResults: false,
      countsTokens: false,
      countsCost: false,
      boundsSubagents: false,
    },
    live: null,
    promptEscape: null,
    locate,
    async probe() {
      const known = { name: 'command', title: 'any program', packageName: null, testedVersion: null };
      const found = { ...known, version: null, signedIn: 'yes' as const, remark: null };
      try {
        return { ...found, available: true, path: await locate(hereProgram), problem: null };
      } catch (error) {
        return {
          ...found,
          available: false,
          path: null,
          problem: error instanceof Error ? error.message : String(error),
        };
      }
    },
    async prepare({ agent }): Promise<LaunchSpec> {
      const { command, role } = agent;
      if (command === null)
        throw new MaosError('INVALID_INPUT', `Agent ${agent.name} has no command to run.`);
      const stdin = agent.stdin ?? (role.name === commandRole.name ? 'none' : 'prompt');
      if (typeof command === 'string') return { program: shell, args: ['-c', command], env: {}, stdin };
      const [program = '', ...args] = command;
      return { program, args, env: {}, stdin };
    },
    makeParser: () => new TextParser(),
    explain(end, run, stderrTail) {
      const result = run.result ?? '';
      if (end.how === 'exited' && end.exitCode === 0) return { state: 'completed', result };
      return { state: 'failed', failure: exitFailure('The command', end, stderrTail), result: run.result };
    },
  };
}

const locate = (findProgram: ProgramLookup): Promise<string> =>
  findProgram(shell).catch((cause: unknown) => {
    const message = `${shell} is missing or not executable, and MAOS needs it to start agents. Install a POSIX shell there.`;
    throw new MaosError('BACKEND_UNAVAILABLE', message, { cause });
  });
