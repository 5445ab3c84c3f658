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
import { describe, it, type TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { cliSchemas } from '../helpers/command-documents.ts';
import { NatsServer } from '../helpers/nats-server.ts';
import { giveTimeTo, until } from '../helpers/waiting.ts';

const maos = fileURLToPath(new URL('../../bin/maos.js', import.meta.url));
const run = promisify(execFile);

/** A home with a project, another home that is a host, and a NATS server between them. */
class Machines {
  readonly folder = mkdtempSync(join(tmpdir(), 'maos-hosts-'));
  readonly server: NatsServer;
  readonly #t: TestContext;
  #host: ChildProcess | null = null;
  hostOutput = '';

  private constructor(t: TestContext, server: NatsServer) {
    this.#t = t;
    this.server = server;
    for (const name of ['home', 'host', 'project']) mkdirSync(join(this.folder, name));
    this.configure('host', { allowCommands: ['*'] });
    this.configure('home', { remote: { url: server.url } });
  }

  static async start(t: TestContext): Promise<Machines> {
    const machines = new Machines(t, await NatsServer.start(t));
    t.after(async () => {
      await machines.killHost();
      rmSync(machines.folder, { recursive: true, force: true });
    });
    return machines;
  }

  configure(name: 'home' | 'host', config: object): void {
    writeFileSync(join(this.folder, name, 'config.json'), JSON.stringify(config));
  }

  async startHost(...more: readonly string[]): Promise<void> {
    const args = ['host', '--nats', this.server.url, '--pool', 'gpu', '--name', 'box', ...more];
    const host = spawn(process.execPath, [maos, ...args], {
      env: this.#env('host'),
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
    const options = { env: this.#env(name), cwd: join(this.folder, 'project'), timeout: 80_000 };
    return run(process.execPath, [maos, ...args], options).catch((error: unknown) => {
      const { stdout, stderr } = error as { stdout: string; stderr: string };
      throw new Error(`maos ${args.join(' ')}: ${stdout}${stderr}\nhost: ${this.hostOutput}`);
    });
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
      env: this.#env(name),
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

  #find(folder: string, name: string): string {
    const found = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((path) =>
      path.endsWith(name),
    );
    assert.equal(found.length, 1, found.join());
    return join(folder, found[0] as string);
  }

  #env(name: string): NodeJS.ProcessEnv {
    const { PATH = '' } = process.env;
    return { PATH, HOME: this.folder, MAOS_HOME: join(this.folder, name) };
  }
}

const command = (name: string, line: string, more: object = {}) => ({
  ...{ role: 'command', name, task: `Be ${name}.`, backend: 'command', command: ['sh', '-c', line] },
  ...more,
});

describe('a team over two machines', { timeout: 120_000 }, () => {
  it('completes, with the output of the remote agent equal to the byte, and its process started once', async (t) => {
    const machines = await Machines.start(t);
    await machines.startHost();
    const local = command('first', 'echo hello > "$MAOS_SHARED_CONTEXT/note.txt"; echo local');
    const line = `${machines.trace}; cat "$MAOS_SHARED_CONTEXT/note.txt"; i=0; while [ $i -lt 3000 ]; do echo "line $i"; i=$((i+1)); done; echo oops >&2; echo done > "$MAOS_RESULTS/report.txt"`;
    const remote = command('second', line, { pool: 'gpu', depends_on: ['first'] });
    const last = command('third', 'cat "$MAOS_RESULTS/../second/report.txt"', { depends_on: ['second'] });
    const id = await machines.begin([local, remote, last]);
    await machines.maos('home', 'wait', id);
    const { stdout } = await machines.maos('home', 'logs', id, 'second', '--raw', '--stream', 'stdout');
    assert.equal(machines.launches(), 1);
    assert.equal(stdout, machines.hostLog());
    assert.ok(stdout.startsWith('hello\nline 0\n') && stdout.endsWith('line 2999\n'));
    const errors = await machines.maos('home', 'logs', id, 'second', '--raw', '--stream', 'stderr');
    assert.equal(errors.stdout, 'oops\n');
    const third = await machines.maos('home', 'logs', id, 'third', '--raw');
    assert.equal(third.stdout, 'done\n');
    const status = await machines.status(id);
    assert.equal(status.state, 'completed', JSON.stringify(status));
    const [here, there, after] = status.agents;
    assert.deepEqual([here.where, after.where], [undefined, undefined]);
    assert.match(there.where, /^host .+, process \d+$/);
    assert.match((await machines.maos('home', 'status', id)).stdout, / WHERE /);
  });

  it('is cancelled on both', async (t) => {
    const machines = await Machines.start(t);
    await machines.startHost();
    const pidFile = join(machines.folder, 'pid');
    const line = `${machines.trace}; echo $$ > ${pidFile}; echo up; exec sleep 300`;
    const id = await machines.begin([command('far', line, { pool: 'gpu' })]);
    await machines.printed(id, 'far', 'up');
    const pid = Number(readFileSync(pidFile, 'utf8'));
    await machines.maos('home', 'cancel', id);
    await until(async () => (await machines.status(id)).state === 'cancelled', 'the end');
    assert.throws(() => process.kill(pid, 0), { code: 'ESRCH' });
    assert.equal(machines.launches(), 1);
  });

  it('is paused and resumed on both', async (t) => {
    const machines = await Machines.start(t);
    await machines.startHost();
    const line = `${machines.trace}; echo up; while [ ! -e ${machines.folder}/go ]; do sleep 0.1; done; echo over`;
    const id = await machines.begin([command('far', line, { pool: 'gpu' })]);
    await machines.printed(id, 'far', 'up');
    await machines.maos('home', 'pause', id);
    await until(async () => (await machines.status(id)).state === 'paused', 'the pause');
    writeFileSync(join(machines.folder, 'go'), '');
    await giveTimeTo('a program that is not suspended', 1_000);
    assert.equal(await machines.log(id, 'far'), 'up\n');
    await machines.maos('home', 'resume', id);
    await until(async () => (await machines.status(id)).state === 'completed', 'the end');
    assert.equal(await machines.log(id, 'far'), 'up\nover\n');
    assert.equal(machines.launches(), 1);
  });

  it('refuses what the host does not allow, with the reason', async (t) => {
    const machines = await Machines.start(t);
    machines.configure('host', { allowCommands: ['echo *'] });
    await machines.startHost();
    const id = await machines.begin([command('far', `${machines.trace}; true`, { pool: 'gpu' })]);
    await until(async () => (await machines.status(id)).state === 'failed', 'the end');
    const { stdout } = await machines.maos('home', 'status', id);
    assert.match(stdout, /This host does not run the command .*allowCommands/s);
    assert.equal(machines.launches(), 0);
  });

  it('goes on while the host process is killed and started again', async (t) => {
    const machines = await Machines.start(t);
    await machines.startHost();
    const line = `${machines.trace}; echo up; while [ ! -e ${machines.folder}/go ]; do sleep 0.1; done; echo over; exit 3`;
    const id = await machines.begin([command('far', line, { pool: 'gpu' })]);
    await machines.printed(id, 'far', 'up');
    await machines.killHost();
    writeFileSync(join(machines.folder, 'go'), '');
    await machines.startHost();
    await until(async () => (await machines.status(id)).state === 'failed', 'the end');
    assert.equal(await machines.log(id, 'far'), 'up\nover\n');
    assert.match((await machines.status(id)).agents[0].failure.message, /3/);
    assert.equal(machines.launches(), 1);
  });

  it('goes on while its home is killed and started again', async (t) => {
    const machines = await Machines.start(t);
    await machines.startHost();
    const line = `${machines.trace}; echo up; while [ ! -e ${machines.folder}/go ]; do sleep 0.1; done; echo over`;
    const plan = machines.plan([command('far', line, { pool: 'gpu' })]);
    const owner = machines.spawn('home', 'run', plan);
    const id = await until(() => /sess_[0-9A-Z]{26}/.exec(machines.latest())?.[0], 'the session');
    await machines.printed(id, 'far', 'up');
    owner.kill('SIGKILL');
    await once(owner, 'exit');
    writeFileSync(join(machines.folder, 'go'), '');
    await until(async () => (await machines.status(id)).state === 'completed', 'the end');
    assert.equal(await machines.log(id, 'far'), 'up\nover\n');
    assert.equal(machines.launches(), 1);
  });

  it('goes on while the NATS server is killed and started again', async (t) => {
    const machines = await Machines.start(t);
    await machines.startHost();
    const line = `${machines.trace}; echo up; while [ ! -e ${machines.folder}/go ]; do sleep 0.1; done; echo over`;
    const id = await machines.begin([command('far', line, { pool: 'gpu' })]);
    await machines.printed(id, 'far', 'up');
    await machines.server.kill();
    writeFileSync(join(machines.folder, 'go'), '');
    await until(() => machines.hostLog() === 'up\nover\n', 'the output there');
    await machines.server.run();
    await until(async () => (await machines.status(id)).state === 'completed', 'the end');
    assert.equal(await machines.log(id, 'far'), 'up\nover\n');
    assert.equal(machines.launches(), 1);
  });

  it('ends lost if its host is not heard of any more, and is not run again', async (t) => {
    const machines = await Machines.start(t);
    machines.configure('home', { remote: { url: machines.server.url, lostAfterMinutes: 0.05 } });
    await machines.startHost();
    const pidFile = join(machines.folder, 'pid');
    const line = `${machines.trace}; echo $$ > ${pidFile}; echo up; exec sleep 300`;
    const id = await machines.begin([command('far', line, { pool: 'gpu' })]);
    await machines.printed(id, 'far', 'up');
    await machines.killHost();
    await until(async () => (await machines.status(id)).state === 'failed', 'the end');
    assert.equal((await machines.status(id)).agents[0].failure.kind, 'lost');
    const { stdout: events } = await machines.maos('home', 'events', id);
    assert.match(events, /host box is not heard of/);
    // When the host is back, it ends what nobody waits for.
    await machines.startHost();
    await until(() => !isAlive(Number(readFileSync(pidFile, 'utf8'))), 'the end of the program');
    assert.equal(machines.launches(), 1);
  });

  it('waits for a host, which lists itself, drains and ends', async (t) => {
    const machines = await Machines.start(t);
    const line = `${machines.trace}; echo up; while [ ! -e ${machines.folder}/go ]; do sleep 0.1; done`;
    const id = await machines.begin([command('far', line, { pool: 'gpu' })]);
    await machines.startHost('--slots', '1');
    await machines.printed(id, 'far', 'up');
    const { stdout } = await machines.maos('home', 'host', 'list');
    assert.match(stdout, /box +(full|free) +[01] of 1 +gpu/);
    const listed = await machines.maos('home', 'host', 'list', '--json');
    assert.equal(cliSchemas.fault('host list', JSON.parse(listed.stdout)), null);
    await assert.rejects(
      machines.maos('host', 'host', '--nats', machines.server.url, '--pool', 'gpu'),
      /is already the host of this home/,
    );
    await machines.maos('host', 'host', 'drain');
    writeFileSync(join(machines.folder, 'go'), '');
    assert.equal(await machines.hostEnd(), 0);
    await until(async () => (await machines.status(id)).state === 'completed', 'the end');
    assert.equal(machines.launches(), 1);
  });
});

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}
