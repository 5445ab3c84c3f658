import assert from 'node:assert/strict';
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { chmodSync, globSync, mkdirSync, mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import type { TestContext } from 'node:test';
import { processesWith } from '../helpers/agent-processes.ts';
import { countedEnvironment } from '../helpers/counted-process.ts';
import { maosInProcess } from '../helpers/maos-in-process.ts';
import { bundle, type Finished, jsonLines } from '../presentation/cli/maos-process.ts';

export interface RunOptions {
  readonly input?: string;
  readonly env?: NodeJS.ProcessEnv;
  readonly cwd?: string;
  /** The id of another user; requires root. */
  readonly uid?: number;
}

/** A home and a project for one test, with the built executable. */
export class EngineBench {
  readonly folder: string;
  readonly home: string;
  readonly project: string;

  constructor(t: TestContext, home?: string) {
    this.folder = realpathSync(mkdtempSync(join(tmpdir(), 'maos-engine-')));
    this.home = home ?? join(this.folder, 'home');
    this.project = join(this.folder, 'project');
    mkdirSync(this.project);
    t.after(async () => {
      for (const pid of this.processes) process.kill(pid, 'SIGKILL');
      rmSync(this.folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 });
    });
  }

  /** Runs `maos` to its end. */
  run(args: readonly string[], options: RunOptions = {}): Promise<Finished> {
    return this.#finish(this.spawn(args, options));
  }

  /** Runs a command that starts nothing in this process, unless another user must run it. */
  runHere(args: readonly string[], options: RunOptions = {}): Promise<Finished> {
    const { input, cwd = this.project, uid } = options;
    if (uid !== undefined) return this.run(args, options);
    const env = this.#environment(options);
    return maosInProcess(args, { env, cwd, ...(input === undefined ? {} : { input }) });
  }

  /** Runs a shell line in a folder to its end. */
  shell(line: string, cwd: string): Promise<Finished> {
    return this.#finish(this.#start('/bin/sh', ['-c', line], { cwd }));
  }

  async #finish(child: ChildProcess): Promise<Finished> {
    const ended = new Promise<number | null>((resolve, reject) => {
      child.on('close', resolve);
      child.on('error', reject);
    });
    const [status, stdout, stderr] = await Promise.all([
      ended,
      text(child.stdout as NodeJS.ReadableStream),
      text(child.stderr as NodeJS.ReadableStream),
    ]);
    return { status, stdout, stderr };
  }

  spawn(args: readonly string[], options: RunOptions = {}): ChildProcess {
    const env = options.uid === undefined ? countedEnvironment(args, options.env ?? {}) : options.env;
    return this.#start(
      process.execPath,
      [bundle, ...args],
      env === undefined ? options : { ...options, env },
    );
  }

  #start(program: string, args: readonly string[], options: RunOptions): ChildProcess {
    const { input, cwd, uid } = options;
    const child = spawn(program, args, {
      cwd: cwd ?? this.project,
      env: this.#environment(options),
      stdio: ['pipe', 'pipe', 'pipe'],
      ...(uid === undefined ? {} : { uid, gid: uid }),
    });
    // A program that rejects its arguments need not read its input.
    child.stdin?.on('error', () => {});
    child.stdin?.end(input ?? '');
    return child;
  }

  #environment({ env }: RunOptions): NodeJS.ProcessEnv {
    const { NODE_TEST_CONTEXT: _, NO_COLOR: __, FORCE_COLOR: ___, ...inherited } = process.env;
    return { ...inherited, MAOS_HOME: this.home, ...env };
  }

  /** Runs a plan from stdin. */
  plan(plan: unknown, args: readonly string[] = [], options: RunOptions = {}): Promise<Finished> {
    return this.run(['run', '-', ...args], { ...options, input: JSON.stringify(plan) });
  }

  /** Runs, and returns the last JSON line, which says how the session ended. */
  async summary(
    args: readonly string[],
    options: RunOptions = {},
  ): Promise<Summary & { status: number | null }> {
    const { status, stdout, stderr } = await this.run(['run', '--json', ...args], options);
    assert.equal(stderr, '');
    const records = jsonLines(stdout);
    const summary = records.at(-1) as unknown as Summary;
    assert.equal(summary.type, 'summary');
    return { ...summary, status, events: records.slice(0, -1) as unknown as readonly EventRecord[] };
  }

  /** The project's database, which must exist. */
  get database(): string {
    const [found] = globSync(join(this.home, 'projects/*/project.db'));
    assert.ok(found, 'there is no database');
    return found;
  }

  /** Number of stored sessions. */
  async sessions(options: RunOptions = {}): Promise<number> {
    const { status, stdout, stderr } = await this.run(['list', '--json'], options);
    assert.equal(status, 0, stderr);
    const { sessions } = JSON.parse(stdout) as { sessions: readonly unknown[] };
    return sessions.length;
  }

  /** All processes of this home: agents, and `maos` itself. */
  get processes(): readonly number[] {
    return processesWith('MAOS_HOME', this.home);
  }
}

export interface EventRecord {
  readonly seq: number;
  readonly type: string;
  readonly at: string;
  readonly data: Readonly<Record<string, unknown>>;
}

export interface AgentRecord {
  readonly agent_id: string;
  readonly name: string;
  readonly state: string;
  readonly result: string | null;
  readonly failure?: { readonly kind: string; readonly message: string };
}

export interface Summary {
  readonly type: string;
  readonly session_id: string;
  readonly state: string;
  readonly folder: string;
  readonly agents: readonly AgentRecord[];
  readonly events: readonly EventRecord[];
}

export interface Expected {
  readonly status: number;
  /** As `--json` gives it. */
  readonly code: string;
  /** Matches the value and the next step. */
  readonly says: RegExp;
}

/**
 * Checks for one line on stderr, or one for each fault of a plan, nothing on stdout, and the code's exit status.
 */
export function assertRefused({ status, stdout, stderr }: Finished, expected: Expected): void {
  assert.equal(status, expected.status, stderr);
  assert.equal(stdout, '');
  // A usage error may end with a reference to the help.
  const said = stderr.replace(/\n(Try 'maos help( [a-z]+)?'\.\n)?$/, '');
  const [first = '', ...faults] = said.split('\n');
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not be there
  assert.match(first, /^maos: [^\u0000-\u001f\u007f-\u009f]+$/);
  if (faults.length > 0) assert.match(first, / has \d+ faults:$/);
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not be there
  for (const fault of faults) assert.match(fault, /^ {2}(line|…) [^\u0000-\u001f\u007f-\u009f]+$/);
  // The code is for programs, which read it with --json.
  assert.ok(!said.includes(expected.code), said);
  assert.match(said, expected.says);
}

const nobody = 65_534;

/**
 * The id of an unprivileged user who may use the bench, because file modes do not restrict root.
 * @returns null, with the test skipped and the reason stated, where there is none
 */
export function unprivileged(t: TestContext, bench: EngineBench): number | null {
  const own = process.getuid?.();
  if (own === undefined) {
    t.skip('this system has no user ids');
    return null;
  }
  if (own !== 0) return own;
  for (const folder of [bench.folder, bench.project]) chmodSync(folder, 0o777);
  const tried = spawnSync(process.execPath, [bundle, '--version'], {
    uid: nobody,
    gid: nobody,
    cwd: bench.project,
  });
  if (tried.status === 0) return nobody;
  t.skip(`the user ${nobody} may not run maos from here: ${tried.stderr || tried.error}`);
  return null;
}
