import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, fstatSync, openSync } from 'node:fs';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { MaosError, quote } from '../../../domain/errors.ts';
import { resolveProgram } from '../launch/program.ts';
import { limitMark } from '../tree/limit-mark.ts';
import { promptName, protocolVersion } from './launch-record.ts';

/** They change nothing, and tell a reader from a `cat` of the agent's. */
const readerArguments = '-u -u -';

/**
 * Runs the program at most once per attempt, and writes down how it ended even when MAOS is gone by then. Its side of
 * the contract, and what each file means after a crash, is docs/wrapper-protocol.md.
 *
 * - The program's streams are pipes, each with a reader that appends to the log file: a program can open a file anew
 *   (`/dev/stdout`) and empty it by that. The readers end when nobody can print any more, and the wrapper after them:
 *   once it is gone, all that was printed is in the files.
 * - The C locale saves the readers the loading of another: a sixth of their start.
 * - A file size limit of the readers is the system's own bound for the log files; beyond it the pipe is broken.
 * - The wrapper and its readers ignore signals sent to the whole group; the program has them at their default.
 * - The soft limit on file locks, which Linux has not enforced since 2.4, is the agent's mark: all processes that come
 *   from the program have it, and unlike an environment or a descriptor none loses it on its way.
 * - `set -C` lets only one wrapper create the claim; exit status 125 says that another did.
 * - Descriptor 3 leads to the MAOS that spawned it, which hears of the claim and of the program's end also where the
 *   records cannot be written or read, such as in a folder that the agent removed. That MAOS may be gone.
 * - Variables whose names a shell would drop or set come as `MAOS_KEPT_N='NAME=VALUE'`; env(1) gives them back.
 * - The shells' own remarks on their children ('Terminated') would end up in the agent's stderr: theirs is closed.
 */
const script = `trap '' HUP INT QUIT TERM USR1 USR2 ALRM PIPE
attempt=$1 folder=$2 from=$3 errorsFrom=$4 mask=$5 mark=$6 blocks=$7 errorBlocks=$8 kept=$9
shift 9
reader=$1 place=$2
shift 2
umask 077
set -C
{ echo "{\\"protocol\\":${protocolVersion},\\"pid\\":$$,\\"stdoutFrom\\":$from,\\"stderrFrom\\":$errorsFrom,\\"place\\":\\"$place\\"}" >"$folder/launch.$attempt"; } 2>/dev/null || exit 125
set +C
exec 5>&2 2>/dev/null
echo claimed >&3
ulimit -S -w "$mark" || ulimit -S -x "$mark"
if [ "$kept" -gt 0 ]; then
  while [ "$kept" -gt 0 ]; do
    kept=$((kept - 1))
    eval "set -- \\"\\$MAOS_KEPT_$kept\\" \\"\\$@\\"; unset MAOS_KEPT_$kept"
  done
  set -- /usr/bin/env "$@"
fi
{
  {
    (trap - HUP INT QUIT TERM USR1 USR2 ALRM PIPE; umask "$mask"; exec "$@" 2>&1 >&4 3>&- 4>&- 5>&-)
    status=$?
    echo "{\\"attempt\\":$attempt,\\"status\\":$status}" >"$folder/exit.json"
    echo "$status" >&3
  } | { ulimit -c 0; ulimit -f "$errorBlocks"; LC_ALL=C exec "$reader" ${readerArguments} >&5 3>&- 4>&- 5>&-; }
} 4>&1 | { ulimit -c 0; ulimit -f "$blocks"; LC_ALL=C exec "$reader" ${readerArguments} 3>&- 5>&-; }`;

/** What a shell sets itself, and what the script above does. */
const shellVariable =
  /^(?:IFS|OPTIND|PPID|PS[124]|LINENO|RANDOM|SECONDS|SHELLOPTS|BASH\w*|EPOCH\w*|attempt|folder|from|errorsFrom|mask|mark|blocks|errorBlocks|kept|reader|place|status)$/;

/** @param command a command line as `ps` or, with NUL between the arguments, procfs shows it */
export function isWrapperCommand(command: string): boolean {
  // With ':' in the version of MAOS whose agents printed into the files themselves.
  return /^\/bin\/sh[ \0]-c[ \0]trap (?::|'') HUP INT QUIT /.test(command);
}

/** @param command as for {@link isWrapperCommand} */
export function isReaderCommand(command: string): boolean {
  return command.replaceAll('\0', ' ').trimEnd().endsWith(`/cat ${readerArguments}`);
}

export interface WrapperLaunch {
  readonly agentId: string;
  readonly attempt: number;
  /** Where it runs, as {@link placeName} says it. */
  readonly place: string;
  /** Holds stdout.log, stderr.log, the prompt and the records of the launch. */
  readonly folder: string;
  /** Absolute path. */
  readonly program: string;
  readonly args: readonly string[];
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
  readonly stdin: 'prompt' | 'none';
  /** Most bytes it may print into each of its log files; null: no limit. */
  readonly maxOutputBytes: number | null;
}

export interface Wrapper {
  readonly pid: number;
  readonly stdoutFrom: number;
  readonly stderrFrom: number;
  /** True as soon as this wrapper holds the attempt; false when it ended without: then it ran nothing. */
  readonly claimed: Promise<boolean>;
  /** The program's exit status as a shell tells it, once it has ended; null when the wrapper was killed before. */
  readonly status: Promise<number | null>;
  /** How the wrapper itself ended; settles once it has been collected. */
  readonly exit: Promise<{ readonly code: number | null; readonly signal: string | null }>;
  /** SIGKILL to the wrapper and its group, if the wrapper has not been collected. */
  kill(): void;
}

/**
 * Spawns the wrapper in a session of its own, its streams going straight to the agent's files.
 * @throws MaosError SPAWN_FAILED: then nothing runs
 */
export async function spawnWrapper(launch: WrapperLaunch): Promise<Wrapper> {
  const { agentId, attempt, folder, program, args, cwd, maxOutputBytes } = launch;
  const opened: number[] = [];
  const open = (path: string, flags: string): number => {
    const fd = openSync(path, flags, 0o600);
    opened.push(fd);
    return fd;
  };
  try {
    const stdin = open(launch.stdin === 'prompt' ? join(folder, promptName) : '/dev/null', 'r');
    const stdout = open(join(folder, 'stdout.log'), 'a');
    const stderr = open(join(folder, 'stderr.log'), 'a');
    const stdoutFrom = fstatSync(stdout).size;
    const stderrFrom = fstatSync(stderr).size;
    const { env, kept } = forShell(launch.env);
    const options = [
      String(attempt),
      folder,
      String(stdoutFrom),
      String(stderrFrom),
      process.umask().toString(8),
      String(limitMark(agentId)),
      ceiling(stdoutFrom, maxOutputBytes),
      ceiling(stderrFrom, maxOutputBytes),
      String(kept),
      findReader(),
      launch.place,
    ];
    // env(1) takes an argument with '=' for a variable, up to the first without.
    const command = kept > 0 && program.includes('=') ? ['nice', '-n', '0', program] : [program];
    // The name under which `ps` shows the wrapper, and the attempt behind it, tell whose it is, also where environments
    // are hidden.
    const name = `MAOS_AGENT_ID=${agentId}`;
    const child = spawn('/bin/sh', ['-c', script, name, ...options, ...command, ...args], {
      cwd,
      env,
      detached: true,
      stdio: [stdin, stdout, stderr, 'pipe'],
    });
    const pid = await pidOf(child);
    const kill = (): void => {
      // Until then the pid, and with it the group, is not given to anybody else.
      if (child.exitCode === null && child.signalCode === null) process.kill(-pid, 'SIGKILL');
    };
    const exit = exitOf(child);
    const { claimed, status: told } = listen(child.stdio[3] as Readable);
    // Killed alone, it leaves others behind that may tell, much later; ended by itself, it comes after what was told.
    const status = Promise.race([told, exit.then(({ signal }) => (signal === null ? told : null))]);
    return { pid, stdoutFrom, stderrFrom, claimed, status, exit, kill };
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    throw new MaosError('SPAWN_FAILED', `Cannot start ${quote(program)}: ${reasons[code ?? ''] ?? message}`, {
      details: { program, agentId, code: code ?? null },
      cause: error,
    });
  } finally {
    for (const fd of opened) close(fd);
  }
}

const reasons: Readonly<Record<string, string>> = {
  E2BIG:
    'its arguments and environment are too large for the system (one of at most 128 KB on Linux). Pass long text by stdin or in a file.',
  EAGAIN: 'the system allows no further process (EAGAIN). End some, or raise the limit (ulimit -u).',
  ERR_INVALID_ARG_VALUE: 'an argument or an environment variable holds a NUL byte. Remove it.',
  EMFILE: 'MAOS has too many open files (EMFILE). Run fewer agents at once, or raise the limit (ulimit -n).',
};

/** How far a log file may grow beyond the limit, before which MAOS has time to end the agent. */
const slackBytes = 2 ** 20;
/** POSIX counts file sizes so; bash 3.2, the `sh` of macOS, in twice as much. */
const blockBytes = 512;

/** @returns for `ulimit -f` */
function ceiling(from: number, maxOutputBytes: number | null): string {
  return maxOutputBytes === null
    ? 'unlimited'
    : String(Math.ceil((from + maxOutputBytes + slackBytes) / blockBytes));
}

let reader: string | null = null;

/** Not by the agent's PATH, which may hold another `cat` or none. */
function findReader(): string {
  reader ??= resolveProgram('cat', '/', `/bin:/usr/bin:${process.env.PATH ?? ''}`);
  return reader;
}

function forShell(env: Readonly<Record<string, string>>): { env: Record<string, string>; kept: number } {
  const passed: Record<string, string> = {};
  let kept = 0;
  for (const [name, value] of Object.entries(env)) {
    if (/^[A-Za-z_]\w*$/.test(name) && !shellVariable.test(name)) passed[name] = value;
    else passed[`MAOS_KEPT_${kept++}`] = `${name}=${value}`;
  }
  return { env: passed, kept };
}

/** After the spawn a failure to close changes nothing about the agent, and the descriptor is free all the same. */
function close(fd: number): void {
  try {
    closeSync(fd);
  } catch {
    // EIO from a network or a failing disk: whoever writes there will meet it.
  }
}

function pidOf(child: ChildProcess): Promise<number> | number {
  if (child.pid !== undefined) return child.pid;
  return new Promise((_, reject) => child.once('error', reject));
}

function exitOf(child: ChildProcess): Wrapper['exit'] {
  return new Promise((resolve) => {
    child.once('exit', (code, signal) => resolve({ code, signal }));
  });
}

/** Hears `claimed`, and later the program's exit status, each on a line. */
function listen(stream: Readable): { claimed: Promise<boolean>; status: Promise<number | null> } {
  const claimed = Promise.withResolvers<boolean>();
  const status = Promise.withResolvers<number | null>();
  let text = '';
  stream.on('error', () => {
    // As when it closes: the wrapper's own end tells.
  });
  stream.on('data', (chunk: Buffer) => {
    text += chunk.toString();
    if (text.startsWith('claimed\n')) claimed.resolve(true);
    if (/\n\d+\n$/.test(text)) stream.destroy();
  });
  stream.once('close', () => {
    claimed.resolve(false);
    const told = /\n(\d+)\n$/.exec(text)?.[1];
    status.resolve(told === undefined ? null : Number(told));
  });
  return { claimed: claimed.promise, status: status.promise };
}
