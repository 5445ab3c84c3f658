import assert from 'node:assert/strict';
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { availableParallelism, loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { isAlive } from '../helpers/machines.ts';
import { NatsServer } from '../helpers/nats-server.ts';
import { until } from '../helpers/waiting.ts';
import type { Network, Place } from './network.ts';
import { processesOf } from './processes.ts';
import { kill, pause } from './world.ts';

const run = promisify(execFile);
const shiftedClock = new URL('fixtures/shifted-clock.mjs', import.meta.url).href;

/** Two homes and two hosts of one pool, with a NATS server between them. */
export class Pool {
  readonly folder = mkdtempSync(join(tmpdir(), 'maos-pool-'));
  readonly homes: readonly Home[];
  readonly hosts: readonly Host[];
  readonly server: NatsServer;
  /** Of the hosts; none on loopback. */
  readonly places: readonly Place[];
  readonly #cleanUps: readonly (() => Promise<void>)[];

  private constructor(
    launcher: string,
    server: NatsServer,
    config: object,
    places: readonly Place[],
    cleanUps: readonly (() => Promise<void>)[],
  ) {
    this.server = server;
    this.places = places;
    this.#cleanUps = cleanUps;
    const make = (name: string): Machine => new Machine(launcher, this.folder, name);
    this.homes = ['red', 'blue'].map((name) => new Home(make(name), server.url, config));
    this.hosts = ['box', 'can'].map((name, index) => new Host(make(name), server.url, places[index] ?? null));
  }

  /** @param network null: all are on loopback; otherwise each host has a place there */
  static async open(launcher: string, config: object, network: Network | null): Promise<Pool> {
    const cleanUps: (() => Promise<void>)[] = [];
    const after = (cleanUp: () => Promise<void>): unknown => cleanUps.push(cleanUp);
    const server = await NatsServer.start({ after }, undefined, network?.address);
    const places = network === null ? [] : [network.place(), network.place()];
    for (const place of places) after(async () => place.remove());
    return new Pool(launcher, server, config, places, cleanUps);
  }

  /** Kills what is left of everything. @param isKept whether its files are */
  async close(isKept: boolean): Promise<void> {
    for (const { machine } of [...this.homes, ...this.hosts]) machine.end();
    for (const cleanUp of this.#cleanUps) await cleanUp();
    if (!isKept) rmSync(this.folder, { recursive: true, force: true, maxRetries: 5 });
  }
}

/** A MAOS_HOME with its processes. */
export class Machine {
  readonly name: string;
  /** Of the pool. */
  readonly folder: string;
  readonly home: string;
  readonly project: string;
  readonly #launcher: string;
  readonly #clock: string;

  constructor(launcher: string, folder: string, name: string) {
    this.#launcher = launcher;
    this.folder = folder;
    this.name = name;
    this.home = join(folder, name);
    this.project = join(folder, `${name}.project`);
    this.#clock = join(folder, `${name}.clock`);
    this.clockMs = 0;
    for (const made of [this.home, this.project]) mkdirSync(made);
  }

  configure(config: object): void {
    writeFileSync(join(this.home, 'config.json'), JSON.stringify(config));
  }

  /** Apart from the terminal, whose Ctrl-C is for the campaign. */
  start(args: readonly string[], place: Place | null = null): ChildProcess {
    const { env, project: cwd } = this;
    const stdio: ['ignore', 'pipe', 'pipe'] = ['ignore', 'pipe', 'pipe'];
    const line = [...(place?.runner ?? []), process.execPath, this.#launcher, ...args];
    return spawn(line[0] as string, line.slice(1), { env, cwd, stdio, detached: true });
  }

  /** Puts its wall clock ahead of the true time by so much, or behind it, also that of the processes that run. */
  set clockMs(shiftMs: number) {
    writeFileSync(`${this.#clock}.new`, String(shiftMs));
    renameSync(`${this.#clock}.new`, this.#clock);
  }

  /** @returns what it prints */
  async maos(...args: readonly string[]): Promise<string> {
    const options = { env: this.env, cwd: this.project, timeout: 60_000, maxBuffer: 2 ** 26 };
    return (await run(process.execPath, [this.#launcher, ...args], options)).stdout;
  }

  get env(): NodeJS.ProcessEnv {
    return {
      ...{ PATH: process.env.PATH ?? '', HOME: this.folder, MAOS_HOME: this.home },
      ...{ NODE_OPTIONS: `--import=${shiftedClock}`, MAOS_CHAOS_CLOCK: this.#clock },
    };
  }

  get processes() {
    return processesOf(this.home, 'no ledger');
  }

  end(): void {
    for (const { pid } of this.processes) kill(pid, 'SIGKILL');
  }
}

/** When a home was killed, and when the first command afterwards was called; in ms since the epoch. */
interface Death {
  readonly killedAt: number;
  calledAt: number;
  /** Processes that wanted each core of the machine then, and so how much longer everything took; at least 1. */
  crowd: number;
}

export class Home {
  readonly machine: Machine;
  readonly deaths: Death[] = [];
  session = '';

  constructor(machine: Machine, url: string, config: object) {
    this.machine = machine;
    machine.configure({ remote: { url, ...config } });
  }

  async begin(agents: readonly object[]): Promise<void> {
    const { machine } = this;
    const plan = join(machine.folder, `${machine.name}.json`);
    writeFileSync(plan, JSON.stringify({ objective: `The team of ${machine.name}`, agents }));
    const output = heardFrom(machine.start(['run', plan]));
    const projects = join(machine.home, 'projects');
    const folders = (): string =>
      existsSync(projects) ? readdirSync(projects, { recursive: true, encoding: 'utf8' }).join() : '';
    this.session = await until(() => /sess_[0-9A-Z]{26}/.exec(folders())?.[0], output);
  }

  async status() {
    return JSON.parse(await this.machine.maos('status', this.session, '--json'));
  }

  /** Every MAOS process of it. The first command afterwards finds the session without an owner. */
  async die(awayMs: number): Promise<void> {
    this.machine.end();
    // Until it is found and killed, it may still store something.
    const death = { killedAt: Date.now(), calledAt: Number.POSITIVE_INFINITY, crowd: 1 };
    this.deaths.push(death);
    await pause(awayMs);
    death.calledAt = Date.now();
    death.crowd = Math.max(1, (loadavg()[0] ?? 0) / availableParallelism());
    await this.status();
  }

  signal(signal: NodeJS.Signals): void {
    for (const { pid } of this.machine.processes) kill(pid, signal);
  }
}

export class Host {
  readonly machine: Machine;
  readonly place: Place | null;
  readonly #url: string;
  #process: ChildProcess | null = null;

  /** @param place null: with everything else */
  constructor(machine: Machine, url: string, place: Place | null) {
    this.machine = machine;
    this.#url = url;
    this.place = place;
    machine.configure({ allowCommands: ['*'] });
  }

  async start(): Promise<void> {
    const { name } = this.machine;
    const args = ['host', '--nats', this.#url, '--pool', 'gpu', '--name', name, '--slots', '2'];
    const started = this.machine.start(args, this.place);
    this.#process = started;
    const output = heardFrom(started);
    await until(() => output().includes('takes agents of gpu') || started.exitCode !== null, output);
    assert.equal(started.exitCode, null, output());
  }

  signal(signal: NodeJS.Signals): void {
    const { pid } = this.#process ?? {};
    if (pid !== undefined) kill(pid, signal);
  }

  /** Its agents go on. */
  async die(awayMs: number): Promise<void> {
    const { pid = 0 } = this.#process ?? {};
    this.signal('SIGKILL');
    await until(() => !isAlive(pid), `the end of ${this.machine.name}`);
    await pause(awayMs);
    await this.start();
  }
}

/** Reads all it prints, so that it never waits for that. */
function heardFrom(child: ChildProcess): () => string {
  let text = '';
  for (const stream of [child.stdout, child.stderr]) stream?.on('data', (chunk) => (text += chunk));
  return () => text;
}

/** Contents of the files of a folder by their names, of those that begin so. */
export function filesOf(folder: string, beginning: string): ReadonlyMap<string, string> {
  const names = readdirSync(folder).filter((name) => name.startsWith(beginning));
  return new Map(names.map((name) => [name, readFileSync(join(folder, name), 'utf8')]));
}
