/** A scratch home, a project, and real programs in a clean environment: the ground of every test with a client. */
import assert from 'node:assert/strict';
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { mkdir, mkdtemp, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import type { TestContext } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { summaryRecord } from '../../src/presentation/cli/facts/session-facts.ts';

const guardedFolder = fileURLToPath(new URL('../../.cache', import.meta.url));
export const maosProgram = fileURLToPath(new URL('../../bin/maos.js', import.meta.url));

/** How a program ended, and what it printed. */
export interface Ended {
  readonly status: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
  readonly tookMs: number;
}

export interface Running {
  readonly child: ChildProcess;
  readonly ended: Promise<Ended>;
}

export type StatusDocument = ReturnType<typeof summaryRecord>;

/** A line of `maos events --json` and `maos run --json`. */
export interface EventRecord {
  readonly type: string;
  readonly data: Readonly<Record<string, unknown>>;
}

export interface WorkplaceOptions {
  /** The whole environment of every program; `MAOS_HOME` is added. */
  env(home: string): Readonly<Record<string, string>>;
  /** `~/.maos/config.json`. */
  readonly settings?: Readonly<Record<string, unknown>> | undefined;
  /** For a CLI that reads no settings below a folder that others can write to, as the temporary one is. */
  readonly guardedHome?: boolean | undefined;
}

export interface Workplace {
  readonly folder: string;
  readonly home: string;
  readonly project: string;
  readonly maosHome: string;
  /** Starts a program in the project. Its input ends with what is given, or is left open when that is `null`. */
  start(program: string, args: readonly string[], stdin?: string | null): Running;
  /** Runs the built `maos` in the project to its end. */
  maos(...args: string[]): Promise<Ended>;
  startMaos(...args: string[]): Running;
  /** What `maos status latest --json` says. */
  status(): Promise<StatusDocument>;
  /** Command lines of every process started here, directly or not, and that still lives. */
  running(): readonly string[];
  /** Waits until there is none any more; those that still live after a minute fail the test. */
  nothingLeft(): Promise<void>;
}

export async function makeWorkplace(t: TestContext, options: WorkplaceOptions): Promise<Workplace> {
  const folder = await realpath(await mkdtemp(join(tmpdir(), 'maos-clients-')));
  const [home, project] = [join(folder, 'home'), join(folder, 'project')];
  const maosHome =
    options.guardedHome === true ? await mkdtemp(join(guardedFolder, 'maos-home-')) : join(folder, 'maos');
  t.after(async () => {
    for (const pid of processesOf(maosHome)) {
      try {
        process.kill(pid, 'SIGKILL');
      } catch {
        // It ended in between.
      }
    }
    for (const path of [folder, maosHome]) {
      await rm(path, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
    }
  });
  await Promise.all([home, project, maosHome].map((path) => mkdir(path, { mode: 0o700, recursive: true })));
  if (options.settings !== undefined) {
    await writeFile(join(maosHome, 'config.json'), JSON.stringify(options.settings), { mode: 0o600 });
  }
  const env = { ...options.env(home), MAOS_HOME: maosHome };
  const start = (program: string, args: readonly string[], stdin?: string | null): Running => {
    const running = startProgram(program, args, { cwd: project, env, stdin });
    t.signal.addEventListener('abort', () => running.child.kill('SIGKILL'));
    return running;
  };
  const startMaos = (...args: string[]): Running => start(process.execPath, [maosProgram, ...args]);
  const running = (): readonly string[] => processesOf(maosHome).map(commandLineOf);
  return {
    folder,
    home,
    project,
    maosHome,
    start,
    maos: (...args) => startMaos(...args).ended,
    startMaos,
    async status() {
      const { status, stdout, stderr } = await startMaos('status', 'latest', '--json').ended;
      assert.equal(status, 0, stderr);
      return JSON.parse(stdout);
    },
    running,
    async nothingLeft() {
      // No event tells of the end of a process that is not a child; agents are stopped within their grace.
      for (const since = performance.now(); running().length > 0; await delay(50)) {
        if (performance.now() - since < 60_000) continue;
        assert.fail(`still running: ${running().join('; ')}`);
      }
    },
  };
}

/** JSON, one document a line; empty lines are passed over. */
export function readJsonLines<T = EventRecord>(output: string): T[] {
  return output
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as T);
}

/** A promise and the functions that settle it, with a time limit so that a test that waits in vain says for what. */
export function makeMoment(
  what: string,
  limitMs = 60_000,
): { readonly came: Promise<void>; arrive: () => void } {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const timer = setTimeout(() => reject(new Error(`${what} did not happen within ${limitMs} ms`)), limitMs);
  promise.catch(() => {}).finally(() => clearTimeout(timer));
  return { came: promise, arrive: () => resolve() };
}

function startProgram(
  program: string,
  args: readonly string[],
  { cwd, env, stdin }: { cwd: string; env: Record<string, string>; stdin: string | null | undefined },
): Running {
  const startedAt = performance.now();
  const child = spawn(program, args, { cwd, env, stdio: ['pipe', 'pipe', 'pipe'] });
  // A program that fails at once does not read its input.
  child.stdin.on('error', () => {});
  if (stdin !== null) child.stdin.end(stdin);
  const closed = new Promise<Pick<Ended, 'status' | 'signal'>>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (status, signal) => resolve({ status, signal }));
  });
  const ended = Promise.all([closed, text(child.stdout), text(child.stderr)]).then(
    ([end, stdout, stderr]) => ({
      ...end,
      stdout,
      stderr,
      tookMs: performance.now() - startedAt,
    }),
  );
  ended.catch(() => {});
  return { child, ended };
}

/** Processes that have this MAOS_HOME in their environment: everything it ever started, wherever it went. */
function processesOf(maosHome: string): number[] {
  if (process.platform !== 'linux') {
    const listed = execFileSync('ps', ['eww', '-axo', 'pid=,command='], {
      encoding: 'utf8',
      maxBuffer: 2 ** 26,
    });
    return listed
      .split('\n')
      .filter((line) => line.includes(`MAOS_HOME=${maosHome}`))
      .map((line) => Number.parseInt(line, 10));
  }
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => readProc(pid, 'environ').includes(`MAOS_HOME=${maosHome}\0`))
    .filter((pid) => !/^State:\s+[ZX]/m.test(readProc(pid, 'status')))
    .map(Number);
}

function commandLineOf(pid: number): string {
  return process.platform === 'linux'
    ? `${pid} ${readProc(pid, 'cmdline').replaceAll('\0', ' ').slice(0, 200)}`
    : String(pid);
}

function readProc(pid: number | string, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'utf8');
  } catch {
    // It ended in between, or belongs to somebody else.
    return '';
  }
}
