import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, fstatSync, openSync } from 'node:fs';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import type { LaunchSpec } from '../../../application/ports/agent-host.ts';
import { MaosError, quote } from '../../../domain/errors.ts';
import { resolveProgram } from '../launch/program.ts';
import { limitMark } from '../tree/limit-mark.ts';
import { countForks } from '../tree/pid-order.ts';
import { promptName } from './launch-record.ts';
import type { SpareShell } from './spare-shell.ts';
import { script, shellVariable, streamScript } from './wrapper-script.ts';

export interface WrapperLaunch {
  readonly agentId: string;
  readonly attempt: number;
  /** Where it runs, as {@link placeName} writes it. */
  readonly place: string;
  /** Holds stdout.log, stderr.log, the prompt and the launch records. */
  readonly folder: string;
  /** Absolute path. */
  readonly program: string;
  readonly args: readonly string[];
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
  readonly stdin: LaunchSpec['stdin'];
  /** Maximum new output in each log file, in bytes; null: no limit. */
  readonly maxOutputBytes: number | null;
}

export interface Wrapper {
  readonly pid: number;
  /** {@link countForks} before it was started. */
  readonly forks: number;
  /** Whether it was a {@link SpareShell}. */
  readonly wasSpare: boolean;
  readonly stdoutFrom: number;
  readonly stderrFrom: number;
  /** True as soon as this wrapper has claimed the attempt; false when it ended without a claim and so ran nothing. */
  readonly claimed: Promise<boolean>;
  /** The program's exit status as a shell reports it; null when the wrapper was killed first. */
  readonly status: Promise<number | null>;
  /** How the wrapper itself ended; settles when it has been collected. */
  readonly exit: Promise<{ readonly code: number | null; readonly signal: string | null }>;
  /** Sends SIGKILL to the wrapper's group, unless the wrapper has been collected. */
  kill(): void;
}

/**
 * Spawns the wrapper in its own session, with its streams going directly to the agent's files.
 * @param spare null: not used
 * @throws MaosError SPAWN_FAILED: then nothing runs
 */
export async function spawnWrapper(launch: WrapperLaunch, spare: SpareShell | null): Promise<Wrapper> {
  const { agentId, attempt, folder, program, args, cwd, maxOutputBytes } = launch;
  const opened: number[] = [];
  const open = (path: string, flags: string): number => {
    const fd = openSync(path, flags, 0o600);
    opened.push(fd);
    return fd;
  };
  try {
    const isFed = launch.stdin === 'stream';
    const paths = {
      stdin: launch.stdin === 'prompt' ? join(folder, promptName) : '/dev/null',
      stdout: join(folder, 'stdout.log'),
      stderr: join(folder, 'stderr.log'),
    };
    const stdin = open(paths.stdin, 'r');
    const stdout = open(paths.stdout, 'a');
    const stderr = open(paths.stderr, 'a');
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
      findTool('cat'),
      launch.place,
      isFed ? findTool('tail') : '-',
    ];
    // env(1) treats leading arguments that contain `=` as variables.
    const command = kept > 0 && program.includes('=') ? ['nice', '-n', '0', program] : [program];
    // The name that `ps` shows for the wrapper, followed by the attempt, identifies the agent even where environments
    // are hidden.
    const name = `MAOS_AGENT_ID=${agentId}`;
    const words = [name, ...options, ...command, ...args];
    const ready = isFed ? null : (spare?.become({ cwd, env, ...paths, args: words }) ?? null);
    const forks = ready?.forks ?? countForks();
    const child =
      ready?.child ??
      spawn('/bin/sh', ['-c', isFed ? streamScript : script, ...words], {
        cwd,
        env,
        detached: true,
        stdio: [stdin, stdout, stderr, 'pipe'],
      });
    const pid = await pidOf(child);
    spare?.startedIn(env);
    const kill = (): void => {
      // Until the wrapper is collected, neither its pid nor its group id can be reused.
      if (child.exitCode === null && child.signalCode === null) process.kill(-pid, 'SIGKILL');
    };
    const exit = exitOf(child);
    const { claimed, status: told } = listen(child.stdio[3] as Readable);
    // If the wrapper alone is killed, its children keep the pipe open and may report much later. If it exits by itself,
    // the report was written before.
    const status = Promise.race([told, exit.then(({ signal }) => (signal === null ? told : null))]);
    return { pid, forks, wasSpare: ready !== null, stdoutFrom, stderrFrom, claimed, status, exit, kill };
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
  EAGAIN: 'the process limit is reached (EAGAIN). End some processes, or raise the limit (ulimit -u).',
  ERR_INVALID_ARG_VALUE: 'an argument or an environment variable contains a NUL byte. Remove it.',
  EMFILE: 'MAOS has too many open files (EMFILE). Run fewer agents at once, or raise the limit (ulimit -n).',
};

/** How far a log file may grow beyond the limit, so that MAOS has time to end the agent first. */
const slackBytes = 2 ** 20;
/** The POSIX unit of file size limits; bash 3.2, the `sh` of macOS, uses twice as much. */
const blockBytes = 512;

/** @returns the argument for `ulimit -f` */
function ceiling(from: number, maxOutputBytes: number | null): string {
  return maxOutputBytes === null
    ? 'unlimited'
    : String(Math.ceil((from + maxOutputBytes + slackBytes) / blockBytes));
}

const tools = new Map<string, string>();

/** Not looked up in the agent's PATH, which may hold another program of that name or none. */
function findTool(name: 'cat' | 'tail'): string {
  let path = tools.get(name);
  if (path === undefined) {
    path = resolveProgram(name, '/', `/bin:/usr/bin:${process.env.PATH ?? ''}`);
    tools.set(name, path);
  }
  return path;
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

/** Once spawned, an error on close changes nothing for the agent, and the descriptor is free anyway. */
function close(fd: number): void {
  try {
    closeSync(fd);
  } catch {
    // EIO from a network or failing disk: the next write reports it.
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

/** Reads `claimed`, and later the program's exit status, one per line. */
function listen(stream: Readable): { claimed: Promise<boolean>; status: Promise<number | null> } {
  const claimed = Promise.withResolvers<boolean>();
  const status = Promise.withResolvers<number | null>();
  let text = '';
  stream.on('error', () => {
    // Handled like a close: the end of the wrapper decides.
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
