import { spawn } from 'node:child_process';
import { closeSync, openSync, readSync } from 'node:fs';
import { delimiter, isAbsolute } from 'node:path';
import { MaosError, quote } from '../../domain/errors.ts';
import { resolveProgram } from '../process/launch/program.ts';
import { shellWord } from '../process/launch/shell-word.ts';
import { WaitingShells } from './waiting-shell.ts';

export interface GitCommand {
  /** Options of git itself, and the command with its arguments. */
  readonly args: readonly string[];
  readonly cwd: string;
  /** Added to the environment. */
  readonly env?: Readonly<Record<string, string>>;
  /** Default: an empty standard input. */
  readonly input?: string | Uint8Array | FileInput | undefined;
  /** Ends git with its processes. */
  readonly signal?: AbortSignal | undefined;
  /** Longest output, in bytes; default: 256 MiB. Longer output is an error unless `cut` is set. */
  readonly maxBytes?: number;
  /** Ends git quietly after `maxBytes`. */
  readonly cut?: boolean;
  /** Takes output of any length as it comes; `stdout` stays empty. Must not throw. */
  readonly onOutput?: (piece: Buffer) => void;
}

/** A file, from a byte of it on: git reads it itself. */
export interface FileInput {
  readonly path: string;
  readonly from: number;
}

export interface GitResult {
  /** Exit status; -1 if a signal ended it. */
  readonly status: number;
  readonly stdout: Buffer;
  /** The end of it. */
  readonly stderr: string;
  readonly wasCut: boolean;
}

/** Runs the user's git. */
export interface Git {
  /** @throws MaosError INVALID_INPUT if git is missing or too old; the signal's reason */
  run(command: GitCommand): Promise<GitResult>;
  /** Whether git is at least of this version, such as [2, 38]. */
  isAtLeast(version: readonly [number, number]): Promise<boolean>;
}

/** The oldest git that has all that MAOS uses. */
const oldest = [2, 25] as const;
const defaultMaxBytes = 256 * 1024 * 1024;
const maxStderr = 64 * 1024;
const killAfterMs = 2_000;

/** Variables of the caller that say where the user's own configuration is. */
const ofUser = new Set(['GIT_CONFIG_GLOBAL', 'GIT_CONFIG_SYSTEM', 'GIT_CONFIG_NOSYSTEM']);

/** What no variable and no configuration may change; git asks nobody and starts no editor, pager or proxy. */
const fixed = {
  LC_ALL: 'C',
  GIT_TERMINAL_PROMPT: '0',
  GIT_ASKPASS: '',
  GIT_EDITOR: ':',
  GIT_SEQUENCE_EDITOR: ':',
  GIT_PAGER: 'cat',
  GIT_PROXY_COMMAND: '',
  GIT_MERGE_AUTOEDIT: 'no',
  // A commit has what its id says, whatever `git replace` or grafts put in its place.
  GIT_NO_REPLACE_OBJECTS: '1',
  GIT_GRAFT_FILE: '/dev/null',
};

export function makeGit(environment: Readonly<Record<string, string | undefined>>): Git {
  const inherited = { ...withoutGitVariables(environment), ...fixed };
  const shells = new WaitingShells(inherited);
  let found: Promise<Version> | null = null;

  function version(): Promise<Version> {
    const looking = found ?? checkedVersion(inherited);
    found = looking;
    // The user may install git meanwhile.
    looking.catch(() => {
      found = null;
    });
    return looking;
  }

  return {
    run: async (command) => {
      await version();
      return runProgram(inherited, command, canTell(command) ? startInShell(shells) : startAlone(inherited));
    },
    isAtLeast: async ([major, minor]) => isAtLeast(await version(), [major, minor]),
  };
}

/** Without the caller's GIT_* variables, which could name another repository, index or configuration. */
export function withoutGitVariables(
  environment: Readonly<Record<string, string | undefined>>,
): Record<string, string> {
  const kept = Object.entries(environment).filter(
    (entry): entry is [string, string] =>
      entry[1] !== undefined && (!entry[0].startsWith('GIT_') || ofUser.has(entry[0])),
  );
  return Object.fromEntries(kept);
}

type Version = readonly [major: number, minor: number];

function isAtLeast([major, minor]: Version, wanted: Version): boolean {
  return major > wanted[0] || (major === wanted[0] && minor >= wanted[1]);
}

async function checkedVersion(environment: Record<string, string>): Promise<Version> {
  const command = { args: ['version'], cwd: '/' };
  const { stdout } = await runProgram(environment, command, startAlone(environment));
  const said = stdout.toString().trim();
  const [, major, minor] = /^git version (\d+)\.(\d+)/.exec(said) ?? [];
  const version = [Number(major), Number(minor)] as const;
  if (major !== undefined && isAtLeast(version, oldest)) return version;
  throw new MaosError(
    'INVALID_INPUT',
    `git ${oldest.join('.')} or later is needed for worktrees, but this machine has ${quote(said)}. Install a newer git, or give no agent the workspace "worktree".`,
    { details: { found: said, needed: oldest.join('.') } },
  );
}

function programPath(environment: Record<string, string>): string {
  // A relative folder in PATH would find programs in the repository.
  const folders = environment.PATH?.split(delimiter).filter((folder) => isAbsolute(folder));
  try {
    return resolveProgram('git', '/', folders?.join(delimiter));
  } catch (error) {
    throw new MaosError(
      'INVALID_INPUT',
      `git ${oldest.join('.')} or later is needed for worktrees, but there is no git in the PATH. Install git, or give no agent the workspace "worktree".`,
      { details: { needed: oldest.join('.') }, cause: error },
    );
  }
}

/** A program that runs, however it was started. */
interface Started {
  /** To it and all that it has started. */
  signal(signal: NodeJS.Signals): void;
}

interface Follower {
  readonly onStdout: (piece: Buffer) => void;
  readonly onStderr: (piece: Buffer) => void;
  /** @param status -1 if a signal ended it */
  readonly onEnd: (status: number) => void;
  readonly onError: (error: Error) => void;
}

type Start = (program: string, command: GitCommand, follower: Follower) => Started;

function isFile(input: GitCommand['input']): input is FileInput {
  return typeof input === 'object' && 'path' in input;
}

/** A child inherits the position of the file, which only reading moves. */
function openAt({ path, from }: FileInput): number {
  const file = openSync(path, 'r');
  const before = Buffer.alloc(from);
  for (let at = 0; at < from; ) {
    const read = readSync(file, before, at, from - at, null);
    if (read === 0) break;
    at += read;
  }
  return file;
}

/** A group of its own: it can be ended whole, and Ctrl-C in a terminal does not end it half-way. */
function startAlone(environment: Record<string, string>): Start {
  return (program, { args, cwd, env = {}, input }, { onStdout, onStderr, onEnd, onError }) => {
    const bytes = isFile(input) ? undefined : input;
    const file = isFile(input) ? openAt(input) : null;
    const child = spawn(program, args, {
      cwd,
      env: { ...environment, ...env },
      stdio: [file ?? (bytes === undefined ? 'ignore' : 'pipe'), 'pipe', 'pipe'],
      detached: true,
    });
    if (file !== null) closeSync(file);
    child.stdout?.on('data', onStdout);
    child.stderr?.on('data', onStderr);
    // Fails if git does not read its input; its exit status tells why.
    child.stdin?.on('error', () => {});
    child.stdin?.end(bytes);
    child.once('error', onError);
    child.once('close', (status) => onEnd(status ?? -1));
    return {
      signal: (signal) => {
        try {
          if (child.pid !== undefined) process.kill(-child.pid, signal);
        } catch {
          // It has already ended.
        }
      },
    };
  };
}

/** The longest input that is written into the shell's command. */
const maxTold = 16 * 1024;

/** Whether a shell can be told to run it. */
function canTell({ args, input = '' }: GitCommand): boolean {
  if (typeof input !== 'string' || input.length > maxTold) return false;
  return ![...args, input].some((text) => text.includes('\0'));
}

function startInShell(shells: WaitingShells): Start {
  return (program, { args, cwd, env = {}, input }, { onEnd, ...follower }) => {
    const variables = Object.entries(env).map(([name, value]) => `${name}=${shellWord(value)}`);
    const call = [...variables, ...[program, ...args].map(shellWord)].join(' ');
    const git = typeof input === 'string' ? `printf %s ${shellWord(input)} | ${call}` : `${call} </dev/null`;
    const line = `cd -P ${shellWord(cwd)} && ${git}`;
    return shells.run({ ...follower, line, onEnd: (status) => onEnd(withoutSignal(status)) });
  };
}

/** Shells add 128 to the number of the signal that ended a program; git itself exits with 128 and 129. */
function withoutSignal(status: number | null): number {
  return status === null || (status > 129 && status < 192) ? -1 : status;
}

function runProgram(
  environment: Record<string, string>,
  command: GitCommand,
  start: Start,
): Promise<GitResult> {
  const { args, signal, maxBytes = defaultMaxBytes, cut = false, onOutput } = command;
  signal?.throwIfAborted();
  const program = programPath(environment);
  return new Promise((resolve, reject) => {
    const pieces: Buffer[] = [];
    let size = 0;
    let stderr = '';
    let killing: NodeJS.Timeout | undefined;
    // On SIGTERM, git removes its lock files.
    const end = (): void => {
      started.signal('SIGTERM');
      killing ??= setTimeout(() => started.signal('SIGKILL'), killAfterMs);
    };
    const finish = (act: () => void): void => {
      clearTimeout(killing);
      signal?.removeEventListener('abort', end);
      act();
    };
    const started = start(program, command, {
      onStdout: (piece) => {
        if (onOutput !== undefined) return onOutput(piece);
        if (size <= maxBytes) pieces.push(piece);
        size += piece.length;
        if (size > maxBytes) end();
      },
      onStderr: (piece) => {
        stderr = (stderr + piece).slice(-maxStderr);
      },
      onError: (error) => finish(() => reject(error)),
      onEnd: (status) =>
        finish(() => {
          const wasCut = size > maxBytes;
          if (signal?.aborted) return reject(signal.reason);
          if (wasCut && !cut) return reject(tooLong(args, maxBytes));
          const stdout = Buffer.concat(pieces).subarray(0, maxBytes);
          resolve({ status: wasCut ? 0 : status, stdout, stderr, wasCut });
        }),
    });
    signal?.addEventListener('abort', end, { once: true });
  });
}

function tooLong(args: readonly string[], maxBytes: number): MaosError {
  return new MaosError(
    'RESOURCE_LIMIT_EXCEEDED',
    `The output of git ${quote(commandOf(args))} is longer than ${maxBytes / 1024 / 1024} MiB.`,
  );
}

/** The name of the command in git's arguments, after the options of git itself. */
export function commandOf(args: readonly string[]): string {
  let at = 0;
  while (args[at] === '-c' || args[at] === '-C') at += 2;
  return args[at] ?? '';
}
