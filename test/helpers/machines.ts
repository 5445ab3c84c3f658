import assert from 'node:assert/strict';
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { killAll, processesWith } from './agent-processes.ts';
import { countedEnvironment } from './counted-process.ts';
import type { Guarded } from './guarded-server.ts';
import { NatsServer } from './nats-server.ts';
import { until } from './waiting.ts';

const maos = fileURLToPath(new URL('../../bin/maos.js', import.meta.url));
const fakeClaude = fileURLToPath(new URL('../fixtures/programs/fake-claude.mjs', import.meta.url));
const run = promisify(execFile);

/** A home with a project, another home that is a host, and a NATS server between them. */
export class Machines {
  readonly bundle = maos;
  /** Name of the host, unless a test says otherwise. */
  hostName = 'box';
  /** How programs of agents call maos. */
  readonly own = `'${process.execPath}' '${maos}'`;
  readonly folder = mkdtempSync(join(tmpdir(), 'maos-hosts-'));
  readonly server: NatsServer;
  readonly #t: TestContext;
  #host: ChildProcess | null = null;
  #isGuarded = false;
  hostOutput = '';

  private constructor(t: TestContext, server: NatsServer) {
    this.#t = t;
    this.server = server;
    for (const name of ['home', 'host', 'project']) mkdirSync(join(this.folder, name));
    this.configure('host', { allowCommands: ['*'] });
    this.configure('home', { remote: { url: server.url } });
  }

  /** With the documented server, which lets the host be only `build-1`. */
  static guarded(t: TestContext, guarded: Guarded): Machines {
    const machines = Machines.#prepared(t, guarded.server);
    machines.hostName = 'build-1';
    machines.#isGuarded = true;
    for (const name of ['home', 'host'] as const)
      machines.configure(name, { allowCommands: ['*'], backend: 'command', remote: guarded.access(name) });
    return machines;
  }

  static async start(t: TestContext): Promise<Machines> {
    return Machines.#prepared(t, await NatsServer.start(t));
  }

  static #prepared(t: TestContext, server: NatsServer): Machines {
    const machines = new Machines(t, server);
    t.after(async () => {
      if (!t.passed) machines.#showLogs();
      // Processes that are killed do not report their coverage.
      await machines.killHost(t.passed ? 'SIGTERM' : 'SIGKILL');
      // A failed test leaves processes of sessions and their agents.
      killAll(processesWith('HOME', machines.folder));
      rmSync(machines.folder, { recursive: true, force: true });
    });
    return machines;
  }

  /** Makes the host run a program in the place of Claude Code, in the folder of this test. */
  playClaude(config: object = {}): void {
    const path = join(this.folder, 'fake-claude');
    const start = `cd '${this.folder}' && exec '${process.execPath}' '${fakeClaude}' "$@"`;
    writeFileSync(path, `#!/bin/sh\n${start}\n`, { mode: 0o755 });
    this.configure('host', { allowCommands: ['*'], backends: { claude: { path } }, ...config });
  }

  configure(name: 'home' | 'host', config: object): void {
    writeFileSync(join(this.folder, name, 'config.json'), JSON.stringify(config));
  }

  async startHost(...more: readonly string[]): Promise<void> {
    const server = this.#isGuarded ? [] : ['--nats', this.server.url];
    const args = ['host', ...server, '--pool', 'gpu', '--name', this.hostName, ...more];
    const host = spawn(process.execPath, [maos, ...args], {
      env: this.#env('host', args),
      cwd: this.folder,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#host = host;
    let text = '';
    const hear = (chunk: Buffer): void => {
      text += chunk;
      this.hostOutput += chunk;
    };
    host.stdout.on('data', hear);
    host.stderr.on('data', hear);
    await until(
      () => text.includes('takes agents of gpu') || host.exitCode !== null,
      () => `the host: ${text}`,
    );
    assert.equal(host.exitCode, null, text);
  }

  async killHost(signal: NodeJS.Signals = 'SIGKILL'): Promise<number | null> {
    const host = this.#host;
    this.#host = null;
    if (host === null) return null;
    if (host.exitCode !== null || host.signalCode !== null) return host.exitCode;
    host.kill(signal);
    await once(host, 'exit');
    return host.exitCode;
  }

  /** The exit status of the host, which ends by itself. */
  async hostEnd(): Promise<number | null> {
    const host = this.#host as ChildProcess;
    if (host.exitCode === null) await once(host, 'exit');
    return host.exitCode;
  }

  maos(name: 'home' | 'host', ...args: readonly string[]) {
    const options = { env: this.#env(name, args), cwd: join(this.folder, 'project'), timeout: 80_000 };
    return run(process.execPath, [maos, ...args], options).catch((error: unknown) => {
      const { stdout, stderr } = error as { stdout: string; stderr: string };
      throw new Error(`maos ${args.join(' ')}: ${stdout}${stderr}\nhost: ${this.hostOutput}`);
    });
  }

  /** The document of a command at home. */
  async json(...args: readonly string[]) {
    return JSON.parse((await this.maos('home', ...args, '--json')).stdout);
  }

  plan(agents: readonly object[], more: object = {}): string {
    const path = join(this.folder, 'plan.json');
    writeFileSync(path, JSON.stringify({ objective: 'Two machines', agents, ...more }));
    return path;
  }

  /** Starts a team in the background. @returns the id of its session */
  async begin(agents: readonly object[], more: object = {}): Promise<string> {
    const { stdout } = await this.maos('home', 'run', this.plan(agents, more), '--detach', '--json');
    const id = /sess_[0-9A-Z]{26}/.exec(stdout)?.[0];
    assert.ok(id, stdout);
    return id;
  }

  async status(id: string) {
    const { stdout } = await this.maos('home', 'status', id, '--json');
    return JSON.parse(stdout);
  }

  async log(id: string, agent: string): Promise<string> {
    return (await this.maos('home', 'logs', id, agent, '--raw', '--stream', 'stdout')).stdout;
  }

  async printed(id: string, agent: string, text: string): Promise<void> {
    await until(
      async () => (await this.log(id, agent)).includes(text),
      `hearing ${text}; host: ${this.hostOutput}`,
    );
  }

  spawn(name: 'home' | 'host', ...args: readonly string[]): ChildProcess {
    const child = spawn(process.execPath, [maos, ...args], {
      env: this.#env(name, args),
      cwd: join(this.folder, 'project'),
      stdio: 'ignore',
    });
    this.#t.after(() => child.kill('SIGKILL'));
    return child;
  }

  /** Names of the folders of all sessions at home. */
  latest(): string {
    const projects = join(this.folder, 'home', 'projects');
    if (!existsSync(projects)) return '';
    return readdirSync(projects, { recursive: true, encoding: 'utf8' }).join();
  }

  /** How often the program of an agent was started, by files that it creates exclusively. */
  launches(): number {
    return readdirSync(this.folder).filter((name) => name.startsWith('launched.')).length;
  }

  /** Part of a shell command that leaves a trace of its own for each launch. */
  get trace(): string {
    return `mktemp '${this.folder}/launched.XXXXXX' >/dev/null`;
  }

  /** The log of the one agent that the host has run. */
  hostLog(stream: 'stdout' | 'stderr' = 'stdout'): string {
    return readFileSync(this.#find(join(this.folder, 'host', 'host', 'projects'), `${stream}.log`), 'utf8');
  }

  /** Kinds of the limits for which the host has ended agents whose ends it has not told. */
  limited(): readonly string[] {
    const folder = join(this.folder, 'host', 'host', 'attempts');
    const records = readdirSync(folder).filter((name) => name.endsWith('.json'));
    return records
      .map((name) => JSON.parse(readFileSync(join(folder, name), 'utf8')).limited?.failure)
      .filter((failure) => failure !== undefined);
  }

  /** What the processes of both machines have to say about a failure. */
  #showLogs(): void {
    for (const folder of [join('home', 'logs'), join('host', 'host')]) {
      const path = join(this.folder, folder);
      const names = existsSync(path) ? readdirSync(path).filter((name) => name.endsWith('.log')) : [];
      for (const name of names)
        console.error(`${folder}/${name}:\n${readFileSync(join(path, name), 'utf8').slice(-8_000)}`);
    }
  }

  #find(folder: string, name: string): string {
    const found = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((path) =>
      path.endsWith(name),
    );
    assert.equal(found.length, 1, found.join());
    return join(folder, found[0] as string);
  }

  #env(name: 'home' | 'host', args: readonly string[]): NodeJS.ProcessEnv {
    const { PATH = '' } = process.env;
    // Without a key, a host has no Claude Code that is signed in.
    const signIn = name === 'host' ? { ANTHROPIC_API_KEY: 'a-key' } : {};
    const env = { PATH, HOME: this.folder, MAOS_HOME: join(this.folder, name), ...signIn };
    return countedEnvironment(args, env);
  }
}

export const command = (name: string, line: string, more: object = {}) => ({
  ...{ role: 'command', name, task: `Be ${name}.`, backend: 'command', command: ['sh', '-c', line] },
  ...more,
});

export function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}
