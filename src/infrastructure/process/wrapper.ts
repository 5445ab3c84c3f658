import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, fstatSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { MaosError, quote } from '../../domain/errors.ts';

/**
 * Runs the program at most once per attempt, and writes down how it ended even when MAOS is gone by then.
 *
 * - The first line makes the wrapper outlive signals sent to the whole group; caught signals, unlike ignored ones, are
 *   back at their default in the program.
 * - `set -C` lets only one wrapper create the claim; exit status 125 says that another did.
 * - The shell's own remarks on its child ('Terminated') would end up in the agent's stderr: hence descriptor 3, and the
 *   subshell, without which dash has the redirection in force while it remarks.
 * - It forks nothing but the program (`exec`): each further process would cost a millisecond.
 */
const script = `trap : HUP INT QUIT TERM USR1 USR2 ALRM PIPE
attempt=$1 folder=$2 from=$3 errorsFrom=$4 mask=$5
shift 5
umask 077
set -C
{ echo "{\\"pid\\":$$,\\"stdoutFrom\\":$from,\\"stderrFrom\\":$errorsFrom}" >"$folder/launch.$attempt"; } 2>/dev/null || exit 125
set +C
umask "$mask"
exec 3>&2 2>/dev/null
(exec "$@" 2>&3 3>&-)
status=$?
umask 077
echo "{\\"attempt\\":$attempt,\\"status\\":$status}" >"$folder/exit.json"
exit "$status"`;

/** @param command a command line as `ps` or, with NUL between the arguments, procfs shows it */
export function isWrapperCommand(command: string): boolean {
  return /^\/bin\/sh[ \0]-c[ \0]trap : HUP INT QUIT /.test(command);
}

export interface WrapperLaunch {
  readonly agentId: string;
  readonly attempt: number;
  /** Holds stdout.log, stderr.log, prompt.md and the records of the launch. */
  readonly folder: string;
  /** Absolute path. */
  readonly program: string;
  readonly args: readonly string[];
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
  readonly stdin: 'prompt' | 'none';
}

export interface Wrapper {
  readonly pid: number;
  readonly stdoutFrom: number;
  /** How the wrapper itself ended; settles once it has been collected. */
  readonly exit: Promise<{ readonly code: number | null; readonly signal: string | null }>;
  /** SIGKILL to the wrapper and its group, if the wrapper has not been collected. */
  kill(): void;
}

/**
 * Spawns the wrapper in a session of its own, its streams going straight to the agent's files.
 * @throws MaosError SPAWN_FAILED
 */
export async function spawnWrapper(launch: WrapperLaunch): Promise<Wrapper> {
  const { agentId, attempt, folder, program, args, cwd, env } = launch;
  const opened: number[] = [];
  const open = (path: string, flags: string): number => {
    const fd = openSync(path, flags, 0o600);
    opened.push(fd);
    return fd;
  };
  try {
    const stdin = open(launch.stdin === 'prompt' ? join(folder, 'prompt.md') : '/dev/null', 'r');
    const stdout = open(join(folder, 'stdout.log'), 'a');
    const stderr = open(join(folder, 'stderr.log'), 'a');
    const stdoutFrom = fstatSync(stdout).size;
    const stderrFrom = fstatSync(stderr).size;
    const mask = process.umask().toString(8);
    // The name under which `ps` shows the wrapper tells whose it is, also where environments are hidden.
    const name = `MAOS_AGENT_ID=${agentId}`;
    const child = spawn(
      '/bin/sh',
      [
        '-c',
        script,
        name,
        String(attempt),
        folder,
        String(stdoutFrom),
        String(stderrFrom),
        mask,
        program,
        ...args,
      ],
      { cwd, env, detached: true, stdio: [stdin, stdout, stderr] },
    );
    const pid = await pidOf(child);
    const kill = (): void => {
      // Until then the pid, and with it the group, is not given to anybody else.
      if (child.exitCode === null && child.signalCode === null) process.kill(-pid, 'SIGKILL');
    };
    return { pid, stdoutFrom, exit: exitOf(child), kill };
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    throw new MaosError('SPAWN_FAILED', `Cannot start ${quote(program)}: ${reasons[code ?? ''] ?? message}`, {
      details: { program, agentId, code: code ?? null },
      cause: error,
    });
  } finally {
    for (const fd of opened) closeSync(fd);
  }
}

const reasons: Readonly<Record<string, string>> = {
  E2BIG:
    'its arguments and environment are too large for the system (one of at most 128 KB on Linux). Pass long text by stdin or in a file.',
  EAGAIN: 'the system allows no further process (EAGAIN). End some, or raise the limit (ulimit -u).',
  ERR_INVALID_ARG_VALUE: 'an argument or an environment variable holds a NUL byte. Remove it.',
  EMFILE: 'MAOS has too many open files (EMFILE). Run fewer agents at once, or raise the limit (ulimit -n).',
};

function pidOf(child: ChildProcess): Promise<number> | number {
  if (child.pid !== undefined) return child.pid;
  return new Promise((_, reject) => child.once('error', reject));
}

function exitOf(child: ChildProcess): Wrapper['exit'] {
  return new Promise((resolve) => {
    child.once('exit', (code, signal) => resolve({ code, signal }));
  });
}
