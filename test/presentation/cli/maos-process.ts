import assert from 'node:assert/strict';
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { mkdtemp, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { killAll, processesWith } from '../../helpers/agent-processes.ts';
import { countedEnvironment } from '../../helpers/counted-process.ts';

/** The launcher of the built program. */
export const bundle = join(import.meta.dirname, '../../../bin/maos.js');

/** Outside the test's folder, because a process that ends after the test would create it again. */
const compileCache = join(tmpdir(), 'node-compile-cache');

export interface Finished {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A running `maos`, with its output lines and its end. */
export interface Running {
  readonly process: ChildProcess;
  readonly finished: Promise<Finished>;
}

/** A MAOS_HOME and a project for one test, with the built `maos`. */
export class MaosFolder {
  readonly home: string;
  readonly project: string;
  readonly #root: string;

  constructor(root: string) {
    this.#root = root;
    this.home = join(root, 'home');
    this.project = root;
  }

  static async make(): Promise<MaosFolder> {
    return new MaosFolder(await realpath(await mkdtemp(join(tmpdir(), 'maos-cli-'))));
  }

  /** The store of its one project. */
  get database(): string {
    const [hash = ''] = readdirSync(join(this.home, 'projects'));
    return join(this.home, 'projects', hash, 'project.db');
  }

  get env(): NodeJS.ProcessEnv {
    // With NODE_TEST_CONTEXT, a `node --test` inside an agent would report to this run instead of printing.
    // In CI, the terminals of tests are still those of a user.
    const { NODE_TEST_CONTEXT: _, NO_COLOR: __, FORCE_COLOR: ___, CI: ____, ...inherited } = process.env;
    return {
      ...inherited,
      MAOS_HOME: this.home,
      // Hides the roles of the user who runs the tests.
      CLAUDE_CONFIG_DIR: join(this.#root, 'claude-config'),
      TMPDIR: this.#root,
      NODE_COMPILE_CACHE: compileCache,
    };
  }

  start(
    args: readonly string[],
    options: {
      readonly cwd?: string;
      readonly input?: string;
      readonly env?: NodeJS.ProcessEnv;
      readonly launcher?: string;
    } = {},
  ): Running {
    const child = spawn(process.execPath, [options.launcher ?? bundle, ...args], {
      cwd: options.cwd ?? this.project,
      env: countedEnvironment(args, options.env ?? this.env),
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    // A command that reads nothing may have ended before.
    child.stdin.on('error', () => {});
    child.stdin.end(options.input ?? '');
    const finished = Promise.all([
      new Promise<number | null>((resolve) => child.on('close', resolve)),
      text(child.stdout),
      text(child.stderr),
    ]).then(([status, stdout, stderr]) => ({ status, stdout, stderr }));
    return { process: child, finished };
  }

  run(...args: readonly string[]): Promise<Finished> {
    return this.start(args).finished;
  }

  /** The JSON document that a command prints; it must succeed without output on stderr. */
  async json<T = Record<string, unknown>>(...args: readonly string[]): Promise<T> {
    const { status, stdout, stderr } = await this.run(...args, '--json');
    assert.equal(status, 0, stderr);
    assert.equal(stderr, '');
    return JSON.parse(stdout) as T;
  }

  async remove(): Promise<void> {
    // After a failed test, agents would wait at their gates forever.
    killAll(processesWith('MAOS_HOME', this.home));
    // A supervisor that has just ended may still write its log.
    await rm(this.#root, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });
  }
}

/** Every line as JSON; fails on a line that is not JSON. */
export function jsonLines(stdout: string): Record<string, unknown>[] {
  assert.ok(stdout.endsWith('\n'), 'the last line has no end');
  return stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}

/** Settles with the first line on a stream that matches. */
export function lineFrom(stream: NodeJS.ReadableStream, pattern: RegExp): Promise<string> {
  return new Promise((resolve, reject) => {
    let seen = '';
    stream.on('data', (chunk) => {
      seen += String(chunk);
      const line = seen.split('\n').find((candidate) => pattern.test(candidate));
      if (line !== undefined) resolve(line);
    });
    stream.on('end', () => reject(new Error(`ended without ${pattern}: ${seen}`)));
  });
}

/** Whether a process with this id is running; false for a zombie. */
export function isThere(pid: number): boolean {
  const { stdout } = spawnSync('ps', ['-o', 'stat=', '-p', String(pid)], { encoding: 'utf8' });
  return stdout.trim() !== '' && !stdout.trim().startsWith('Z');
}
