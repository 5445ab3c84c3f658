import { type ChildProcess, spawn } from 'node:child_process';
import {
  closeSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  realpathSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { processesOf, type SeenProcess } from './processes.ts';

/** A MAOS process that was started here. */
export interface Launched {
  readonly name: string;
  readonly child: ChildProcess;
  /** Path of its output, which is complete even after a kill. */
  readonly stdout: string;
  readonly exited: Promise<void>;
}

const claude = fileURLToPath(new URL('fixtures/claude.sh', import.meta.url));

const settings = {
  allowCommands: ['*'],
  // Keeps waits for refused requests short.
  quota: { baseDelaySeconds: 1 },
  stopGraceSeconds: 1,
  maxConcurrentAgents: { machine: 40 },
  log: { level: 'debug' },
};

/** A MAOS_HOME and a project for one round, with everything started in them. */
export class World {
  readonly folder = realpathSync(mkdtempSync(join(tmpdir(), 'maos-chaos-')));
  readonly home = join(this.folder, 'home');
  readonly project = join(this.folder, 'project');
  readonly ledger = join(this.folder, 'ledger');
  readonly launched: Launched[] = [];
  readonly #launcher: string;
  /** A log for finding the cause of a violation. */
  readonly diary: string[] = [];
  readonly #begunAt = performance.now();

  /** @param launcher bin/maos.js */
  constructor(launcher: string) {
    this.#launcher = launcher;
    for (const folder of [this.home, this.project]) mkdirSync(folder, { mode: 0o700 });
    const path = join(this.folder, 'claude');
    writeFileSync(path, `#!/bin/sh\nexec /bin/sh '${claude}' "$@"\n`, { mode: 0o755 });
    writeFileSync(
      join(this.home, 'config.json'),
      JSON.stringify({ ...settings, backends: { claude: { path } } }),
    );
    writeFileSync(this.ledger, '');
  }

  /** Starts `maos ARGS` in the project. Its stdin stays open until {@link Launched.child} closes it. */
  start(...args: readonly string[]): Launched {
    return this.#launch([process.execPath, this.#launcher, ...args], args);
  }

  /** Starts `maos ARGS` where it sees only its own processes, as in a container that shares the home. */
  startApart(...args: readonly string[]): Launched {
    const apart = ['unshare', '--pid', '--fork', '--mount-proc'];
    return this.#launch([...apart, process.execPath, this.#launcher, ...args], args);
  }

  #launch([program = '', ...words]: readonly string[], args: readonly string[]): Launched {
    const name = `${this.launched.length}-${args[0]}`;
    const stdout = join(this.folder, `${name}.stdout`);
    const streams = [stdout, join(this.folder, `${name}.stderr`)].map((path) => openSync(path, 'w'));
    const child = spawn(program, words, {
      cwd: this.project,
      env: this.#environment(),
      stdio: ['pipe', streams[0], streams[1]],
    });
    for (const stream of streams) closeSync(stream);
    // It may end before it has read everything.
    child.stdin?.on('error', () => {});
    const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()));
    const launched = { name, child, stdout, exited };
    this.launched.push(launched);
    this.note(`started ${args.join(' ')} as ${child.pid}`);
    return launched;
  }

  isRunning({ child }: Launched): boolean {
    return child.exitCode === null && child.signalCode === null;
  }

  processes(): readonly SeenProcess[] {
    return processesOf(this.home, this.ledger);
  }

  get ledgerSize(): number {
    return statSync(this.ledger).size;
  }

  note(text: string): void {
    this.diary.push(`${((performance.now() - this.#begunAt) / 1000).toFixed(3).padStart(8)} ${text}`);
  }

  /** Ends everything that is left. */
  async end(): Promise<void> {
    for (const { child } of this.launched) child.stdin?.destroy();
    for (let tries = 0; tries < 20; tries++) {
      const left = this.processes();
      if (left.length === 0) break;
      for (const { pid } of left) kill(pid, 'SIGKILL');
      await pause(50);
    }
  }

  keepDiary(): void {
    writeFileSync(join(this.folder, 'diary.txt'), `${this.diary.join('\n')}\n`);
  }

  async remove(): Promise<void> {
    await rm(this.folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 });
  }

  #environment(): NodeJS.ProcessEnv {
    const { NODE_TEST_CONTEXT: _, MAOS_AGENT_ID: __, ...inherited } = process.env;
    return { ...inherited, MAOS_HOME: this.home, NODE_COMPILE_CACHE: join(tmpdir(), 'node-compile-cache') };
  }
}

/** False if the process no longer exists. */
export function kill(pid: number, signal: NodeJS.Signals): boolean {
  try {
    return process.kill(pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false;
    throw error;
  }
}

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** The complete lines of a file, because a killed process may leave an incomplete one. */
export function wholeLines(path: string): readonly string[] {
  return readFileSync(path, 'utf8').split('\n').slice(0, -1);
}
