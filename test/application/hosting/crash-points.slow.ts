import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { HostService } from '../../../src/application/hosting/host-service.ts';
import type {
  AgentEnd,
  AgentHost,
  OutputSink,
  RunningAgent,
} from '../../../src/application/ports/agent-host.ts';
import type { Fleet } from '../../../src/application/ports/fleet.ts';
import type { HostedRecord, HostedRecords, SharedFiles } from '../../../src/application/ports/hosting.ts';
import type { Agent } from '../../../src/domain/agent.ts';
import { compilePattern } from '../../../src/domain/command-permission.ts';
import type { HostBackend } from '../../../src/domain/placement.ts';
import { makePlan } from '../../../src/domain/plan.ts';
import { createWorkflow } from '../../../src/domain/workflow.ts';
import { makeCommandBackend } from '../../../src/infrastructure/backends/command.ts';
import { makeBackends } from '../../../src/infrastructure/backends/registry.ts';
import { decodeOrder } from '../../../src/infrastructure/fleet/launch-order.ts';
import { FileMirror } from '../../../src/infrastructure/fleet/mirror.ts';
import { makeOfferStore } from '../../../src/infrastructure/fleet/offer-ledger.ts';
import { makeRemoteHost } from '../../../src/infrastructure/fleet/remote-agent-host.ts';
import { SharedFleet } from '../../../src/infrastructure/fleet/shared-fleet.ts';
import { fleetCalls } from '../../helpers/fleet-calls.ts';
import { MemoryFleet } from '../../helpers/memory/fleet.ts';
import { MemoryMachine } from '../../helpers/memory/host.ts';
import type { Program } from '../../helpers/memory/program.ts';
import { Mortal } from '../../helpers/mortal.ts';
import { noCalls, noCode, noQuotas, nothingSent } from '../../helpers/no-travel.ts';
import { TestClock } from '../../helpers/test-clock.ts';
import { until } from '../../helpers/waiting.ts';
import { agentRequest, at, planRequest, sessionId } from '../../infrastructure/sqlite/samples.ts';

const project = 'a'.repeat(64);
const lostAfterMs = 10_000;
const printed = 'one\ntwo\nthree\n';
const log = { log: () => {} };
const noFiles: SharedFiles = { pack: async () => null, unpack: async () => {} };

const hostCalls = ['prepare', 'start', 'attach', 'readOutput'] satisfies (keyof AgentHost)[];
const ofCommands: HostBackend = {
  ...{ name: 'command', isInstalled: true, version: null, signedIn: 'yes', heldUntil: null },
};
const recordCalls = ['save', 'all', 'remove'] satisfies (keyof HostedRecords)[];

/** Who dies, at which call, and whether a host comes back. */
interface Death {
  readonly of: 'host' | 'home';
  readonly at: number;
  readonly when: 'before' | 'after';
  readonly comesBack: boolean;
}

let folder: string;
before(() => {
  folder = mkdtempSync(join(tmpdir(), 'maos-crash-points-'));
});
after(() => rmSync(folder, { recursive: true, force: true }));

let worlds = 0;

/** One home, one host and the engine between them, in virtual time. */
class World {
  readonly clock = new TestClock();
  readonly fleet = new MemoryFleet();
  readonly #records = new Map<string, HostedRecord>();
  readonly #folder: string;
  readonly #agent: Agent;
  readonly #order: Parameters<NonNullable<AgentHost['order']>>[1];
  readonly #machine: MemoryMachine;
  readonly #isOver = new AbortController();
  launches = 0;
  #hosts = 0;
  end: AgentEnd | null = null;
  heard = '';

  constructor() {
    worlds += 1;
    this.#folder = join(folder, String(worlds));
    mkdirSync(this.#folder);
    const request = agentRequest({ name: 'far', workspace: 'own', pool: 'gpu', backend: 'command' });
    const plan = makePlan(planRequest({ agents: [{ ...request, command: ['job'] }] }));
    const { session, agents } = createWorkflow(
      plan,
      { sessionId: sessionId(), suffixes: ['abc123'] },
      at,
    ).next;
    this.#agent = {
      ...(agents[0] as Agent),
      attempt: 1,
      state: 'running',
      stage: 'preparing',
      startedAt: at,
    };
    const given = { prompt: 'Work.', briefing: '', resume: null, maxSubagents: null, start: null };
    this.#order = { session, agent: this.#agent, ...given };
    const job: Program = async ({ print }, process) => {
      this.launches += 1;
      for (const line of printed.split(/(?<=\n)/)) {
        await process.step();
        print('stdout', Buffer.from(line));
      }
      return 7;
    };
    this.#machine = new MemoryMachine(new Map([['job', job]]));
  }

  startHost(life: Mortal, over: AbortController): void {
    this.#hosts += 1;
    this.#isOver.signal.addEventListener('abort', () => over.abort());
    const host = life.watch(this.#machine.host('/memory/host'), hostCalls);
    const records = this.#records;
    const service = new HostService({
      ...{ name: 'gpu', pools: ['gpu'], slots: 1, version: '0', graceMs: 0, labels: {}, log },
      survey: async () => [ofCommands],
      incarnation: `i${this.#hosts}`,
      fleet: life.watch<Fleet>(this.fleet, fleetCalls),
      records: life.watch<HostedRecords>(
        {
          save: async (record) => void records.set(record.key.agentId, record),
          all: async () => [...records.values()],
          keepGiven: async () => {},
          given: async () => null,
          remove: async ({ agentId }) => void records.delete(agentId),
        },
        recordCalls,
      ),
      backends: makeBackends([makeCommandBackend()]),
      rules: { commands: [compilePattern('*')], backends: null, homes: null },
      placeOf: () => ({ host, files: noFiles, code: noCode, calls: () => noCalls }),
      teamServer: null,
      quotas: noQuotas,
      clock: this.clock,
      decodeOrder,
      freeMemoryMb: () => 8_000,
      isDraining: () => false,
    });
    void service.run(over.signal).catch(() => 'it is over');
  }

  startHome(life: Mortal, how: 'order' | 'attach'): void {
    const { id, sessionId } = this.#agent;
    const key = { sessionId, agentId: id, attempt: 1 };
    const remote = makeRemoteHost({
      fleet: new SharedFleet(async () => life.watch<Fleet>(this.fleet, fleetCalls)),
      ...{ project, files: noFiles, code: nothingSent, clock: this.clock, log, lostAfterMs },
      carryOut: async () => assert.fail('nothing calls'),
      folderOf: () => this.#folder,
      openMirror: FileMirror.open,
      offerStore: makeOfferStore,
    });
    let heard = '';
    const sink: OutputSink = {
      stdout: (chunk) => {
        heard += Buffer.from(chunk).toString();
      },
      isOwned: () => !life.isDead,
    };
    const running: Promise<RunningAgent> =
      how === 'order' ? remote.order(key, this.#order, sink) : remote.attach(key, this.#agent, sink);
    running
      .then(({ ended }) => ended)
      .then((end) => {
        if (life.isDead) return;
        this.end = end;
        this.heard = heard;
      })
      .catch((error: unknown) => {
        if (!life.isDead) assert.fail(String(error));
      });
  }

  /** Lets time pass until the home knows the end. */
  async untilEnd(): Promise<AgentEnd> {
    return until(
      async () => {
        await this.clock.pass(1_000);
        return this.end;
      },
      () => `the end; launches: ${this.launches}`,
    );
  }

  log(): string {
    return readFileSync(join(this.#folder, 'stdout.log'), 'utf8');
  }

  close(): void {
    this.#isOver.abort();
  }
}

/** @returns whether the death has happened */
async function play(death: Death): Promise<boolean> {
  const world = new World();
  const immortal = (): Mortal => new Mortal(0, 'before', () => {});
  const hostOver = new AbortController();
  let hasDied = false;
  const life = new Mortal(death.at, death.when, () => {
    hasDied = true;
    if (death.of === 'home') return world.startHome(immortal(), 'attach');
    hostOver.abort();
    if (death.comesBack) world.startHost(immortal(), new AbortController());
    else if (world.fleet.hasClaims) world.fleet.forgetBeats();
    // An offer that nobody has claimed waits for a host.
    else world.startHost(immortal(), new AbortController());
    world.fleet.deliverAgain();
  });
  const where = JSON.stringify(death);
  try {
    world.startHost(death.of === 'host' ? life : immortal(), hostOver);
    world.startHome(death.of === 'home' ? life : immortal(), 'order');
    const end = await world.untilEnd();
    assert.ok(world.launches <= 1, `${where}: ${world.launches} launches`);
    if (end.how === 'exited') {
      assert.equal(end.exitCode, 7, where);
      assert.equal(world.launches, 1, where);
      assert.deepEqual([world.heard, world.log()], [printed, printed], where);
    } else if (end.how === 'never_started') {
      assert.equal(world.launches, 0, where);
    } else {
      assert.ok(death.of === 'host' && !death.comesBack, `${where}: lost`);
    }
    if (hasDied && death.of === 'host' && !death.comesBack) {
      // It comes back when nobody counts on it any more.
      world.startHost(immortal(), new AbortController());
      world.fleet.deliverAgain();
      await world.clock.pass(15_000);
      assert.ok(world.launches <= 1, `${where}: ${world.launches} launches after it came back`);
    }
    return hasDied;
  } finally {
    world.close();
    life.bury();
    // A home that died notices that the session is another's.
    await world.clock.pass(10_000);
  }
}

describe('an agent on another machine', () => {
  for (const dying of ['host', 'home'] as const) {
    for (const when of ['before', 'after'] as const) {
      for (const comesBack of dying === 'host' ? [true, false] : [true]) {
        const which = `whose ${dying} dies ${when} each of its steps${comesBack ? ' and comes back' : ''}`;
        it(`${which} is started at most once, and its end is true`, { timeout: 110_000 }, async () => {
          let steps = 0;
          while (await play({ of: dying, at: steps + 1, when, comesBack })) steps += 1;
          assert.ok(steps >= 4, `only ${steps} steps were tried`);
        });
      }
    }
  }
});
