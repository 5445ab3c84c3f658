import { getEventListeners } from 'node:events';
import { HostService } from '../../src/application/hosting/host-service.ts';
import type { AgentHost, LaunchKey } from '../../src/application/ports/agent-host.ts';
import type { Fleet } from '../../src/application/ports/fleet.ts';
import type { HostedRecords, SharedFiles } from '../../src/application/ports/hosting.ts';
import { compilePattern } from '../../src/domain/command-permission.ts';
import { makeCommandBackend } from '../../src/infrastructure/backends/command.ts';
import { makeBackends } from '../../src/infrastructure/backends/registry.ts';
import { decodeOrder } from '../../src/infrastructure/fleet/launch-order.ts';
import { noCalls, noCode, noQuotas } from '../helpers/no-travel.ts';
import type { Random } from '../helpers/random.ts';
import { Engine, Link, type Weather } from './engine.ts';
import type { Home } from './home.ts';
import { type Death, Life, type Note, type WallClock } from './life.ts';
import { launchName, Machine, type Script } from './machine.ts';
import { Time } from './time.ts';

const log = { log: () => {} };
const fleetCalls = [
  ...(['take', 'claim', 'renew', 'claimOf', 'wishes', 'append', 'appended', 'tell', 'put', 'get'] as const),
  ...(['announce', 'beat', 'era', 'unclaim'] as const),
] satisfies (keyof Fleet)[];
const hostCalls = ['makeRoom', 'prepare', 'start', 'attach', 'readOutput'] satisfies (keyof AgentHost)[];
const recordCalls = ['save', 'all', 'remove'] satisfies (keyof HostedRecords)[];
const backends = makeBackends([makeCommandBackend()]);
const rules = { commands: [compilePattern('*')], backends: null, homes: null };

/** A host: a machine, and the process on it that takes offers. */
export class Box {
  readonly machine: Machine;
  readonly wall: WallClock = { skewMs: 0 };
  readonly slots: number;
  life: Life;
  link: Link;
  readonly #world: World;
  #incarnations = 0;
  #signal = new AbortController().signal;

  constructor(world: World, name: string, slots: number) {
    this.#world = world;
    this.slots = slots;
    this.life = new Life(world.time, this.wall);
    this.link = new Link(world.engine, this.life);
    this.machine = new Machine(name, {
      ...{ time: world.time, random: world.random, scriptOf: world.scriptOf },
      started: (key) => world.launched(key),
      now: () => this.life.clock.now(),
    });
  }

  /** How much waits for the end of its process. */
  get waiting(): number {
    return getEventListeners(this.#signal, 'abort').length;
  }

  start(death: Death | null): void {
    const { time, engine, tampered } = this.#world;
    this.#incarnations += 1;
    this.#signal = new AbortController().signal;
    const life = new Life(
      time,
      this.wall,
      death,
      () => link.close(),
      this.#world.noteOf(`${this.machine.name} i${this.#incarnations}`),
    );
    const link = new Link(engine, life);
    this.life = life;
    this.link = link;
    const files: SharedFiles = {
      pack: async (_id, name) => (name === null ? null : Buffer.from(resultsOf(name))),
      unpack: async () => {},
    };
    const host = life.watch(this.machine.host(), hostCalls);
    const service = new HostService({
      ...{ name: this.machine.name, pools: ['gpu'], slots: this.slots, version: '0', graceMs: 0 },
      ...{ labels: {}, log, backends, rules, clock: life.clock, decodeOrder },
      survey: async () => [
        { name: 'command', isInstalled: true, version: null, signedIn: 'yes', heldUntil: null },
      ],
      incarnation: `i${this.#incarnations}`,
      fleet: life.watch(tampered.hostFleet(link.fleet()), fleetCalls),
      records: life.watch(tampered.records(this.machine.records), recordCalls),
      placeOf: () => ({ host, files, code: noCode, calls: () => noCalls }),
      teamServer: null,
      quotas: noQuotas,
      freeMemoryMb: () => 8_000,
      isDraining: () => false,
    });
    void service.run(this.#signal).catch((error: unknown) => this.#world.fault(error));
  }
}

/** Homes, hosts and the engine between them, in virtual time. */
export class World {
  readonly time = new Time();
  readonly random: Random;
  readonly engine: Engine;
  readonly lostAfterMs = 20_000;
  readonly homes: Home[] = [];
  readonly boxes: Box[] = [];
  /** How often the program of an attempt was started, anywhere. */
  readonly launches = new Map<string, number>();
  readonly faults: string[] = [];
  /** What hosts and homes use instead, in worlds that are wrong on purpose. */
  readonly tampered = {
    hostFleet: (fleet: Fleet): Fleet => fleet,
    homeFleet: (fleet: Fleet): Fleet => fleet,
    records: (records: HostedRecords): HostedRecords => records,
  };
  /** Null: nobody wants one. */
  trace: string[] | null = null;
  readonly scriptOf: (key: LaunchKey) => Script;

  constructor(random: Random, weather: Weather, scriptOf: (key: LaunchKey) => Script) {
    this.random = random;
    this.engine = new Engine(this.time, random, weather);
    this.scriptOf = scriptOf;
  }

  /** What a process does is added to the trace, if there is one. */
  noteOf(name: string): Note | null {
    const { trace } = this;
    if (trace === null) return null;
    return (call, args) => trace.push(`${this.time.nowMs} ${name}: ${call} ${args.map(shown).join(' ')}`);
  }

  launched(key: LaunchKey): void {
    const name = launchName(key);
    this.launches.set(name, (this.launches.get(name) ?? 0) + 1);
  }

  /** Something in the code failed that should not. */
  fault(error: unknown): void {
    this.faults.push(error instanceof Error ? `${error.stack}` : String(error));
  }
}

export function resultsOf(name: string): string {
  return `what ${name} has left`;
}

function shown(arg: unknown): string {
  if (typeof arg !== 'object' || arg === null) return String(arg);
  if (arg instanceof Uint8Array) return `${arg.length} bytes`;
  if ('agentId' in arg && 'attempt' in arg) return `${arg.agentId}.${arg.attempt}`;
  if ('key' in arg) return shown(arg.key);
  if ('state' in arg) return '';
  return JSON.stringify(arg);
}
