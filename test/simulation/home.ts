import type {
  AgentEnd,
  OrderedLaunch,
  OutputSink,
  RunningAgent,
} from '../../src/application/ports/agent-host.ts';
import type { SharedFiles } from '../../src/application/ports/hosting.ts';
import type { Agent } from '../../src/domain/agent.ts';
import { makeAgentId, makeSessionId } from '../../src/domain/ids.ts';
import { makePlan } from '../../src/domain/plan.ts';
import { createWorkflow } from '../../src/domain/workflow.ts';
import type { Mirror } from '../../src/infrastructure/fleet/mirror.ts';
import type { OfferRecord, OfferStore } from '../../src/infrastructure/fleet/offer-ledger.ts';
import { makeRemoteHost, type RemoteHost } from '../../src/infrastructure/fleet/remote-agent-host.ts';
import { SharedFleet } from '../../src/infrastructure/fleet/shared-fleet.ts';
import { fleetCalls } from '../helpers/fleet-calls.ts';
import { nothingSent } from '../helpers/no-travel.ts';
import { agentRequest, at, planRequest } from '../infrastructure/sqlite/samples.ts';
import { Link } from './engine.ts';
import { type Death, Life, type WallClock } from './life.ts';
import type { World } from './world.ts';

const log = { log: () => {} };
const calls = [...fleetCalls, 'lastBeat'] as const;

/** Attempts of an agent that its home makes, at most. */
const maxAttempts = 4;

/** What the disk of a home has of one attempt. */
export class Attempt {
  readonly number: number;
  readonly files = { stdout: Buffer.alloc(0), stderr: Buffer.alloc(0) };
  offers: OfferRecord | 'barred' | null = null;
  exit: AgentEnd | null = null;
  /** As its home has stored it. */
  end: AgentEnd | 'failed' | null = null;
  /** What the process that has learned the end has heard of its stdout. */
  heard = '';

  constructor(number: number) {
    this.number = number;
  }
}

/** What is wanted of an agent, when. */
export interface Errand {
  readonly isRerunOnLost: boolean;
  /** Virtual time; null: never. */
  readonly cancelAtMs: number | null;
  readonly pause: { readonly fromMs: number; readonly toMs: number } | null;
  readonly sendAtMs: readonly number[];
}

/** An agent of a home, with what the home has stored about it. */
export class HomeAgent {
  readonly attempts: Attempt[] = [];
  readonly errand: Errand;
  readonly order: OrderedLaunch;
  /** Of input that its home knows to be stored. */
  readonly sent: string[] = [];
  results: string | null = null;
  /** Its end is stored, and no other attempt is to be made. */
  done: { readonly atMs: number; readonly by: Life } | null = null;

  constructor(order: OrderedLaunch, errand: Errand) {
    this.order = order;
    this.errand = errand;
  }

  get id(): string {
    return this.order.agent.id;
  }

  get isDone(): boolean {
    return this.done !== null;
  }
}

const plan = makePlan(
  planRequest({
    agents: [
      {
        ...agentRequest({ name: 'far', workspace: 'own', pool: 'gpu', backend: 'command' }),
        command: ['job'],
      },
    ],
  }),
);

export function makeOrder(home: number, number: number): OrderedLaunch {
  const sessionId = makeSessionId(`01K0ABCDEFGHJKMNPQRST0000${home}`);
  const made = createWorkflow(plan, { sessionId, suffixes: ['abc123'] }, at);
  const { session, agents } = made.next;
  const id = makeAgentId('far', number + 1, 'abc123');
  const state = { state: 'running', stage: 'preparing', startedAt: at } as const;
  const agent = { ...(agents[0] as Agent), ...state, id, name: `far${number}`, attempt: 1 };
  return { session, agent, prompt: 'Work.', briefing: '', resume: null, maxSubagents: null, start: null };
}

/** Where sessions are: its disk outlives each of its processes, of which the last one owns everything. */
export class Home {
  readonly project: string;
  readonly wall: WallClock = { skewMs: 0 };
  readonly agents: readonly HomeAgent[];
  readonly #world: World;
  #life: Life;
  #processes = 0;
  link: Link;

  constructor(world: World, project: string, agents: readonly HomeAgent[]) {
    this.#world = world;
    this.project = project;
    this.agents = agents;
    this.#life = new Life(world.time, this.wall);
    this.link = new Link(world.engine, this.#life);
  }

  get life(): Life {
    return this.#life;
  }

  /** A process of it takes over. @param death when it dies */
  start(death: Death | null): void {
    const { time, engine } = this.#world;
    this.#processes += 1;
    const note = this.#world.noteOf(`home ${this.project.charAt(0)}${this.#processes}`);
    const life = new Life(time, this.wall, death, () => link.close(), note);
    const link = new Link(engine, life);
    this.#life = life;
    this.link = link;
    const remote = this.#remote(life, link);
    for (const agent of this.agents) {
      if (!agent.isDone)
        void this.#tend(agent, remote, life).catch((error: unknown) => this.#world.fault(error));
    }
  }

  #remote(life: Life, link: Link): RemoteHost {
    const files: SharedFiles = {
      pack: async () => null,
      unpack: async (_id, name, archive) => {
        const agent = this.agents.find(({ order }) => order.agent.name === name);
        if (agent !== undefined) agent.results = Buffer.from(archive).toString();
      },
    };
    return makeRemoteHost({
      fleet: new SharedFleet(async () => life.watch(this.#world.tampered.homeFleet(link.fleet()), calls)),
      ...{ project: this.project, files: life.watch(files, ['unpack']), clock: life.clock, log },
      ...{ code: nothingSent, lostAfterMs: this.#world.lostAfterMs },
      carryOut: () => Promise.reject(new Error('nothing calls')),
      folderOf: ({ agentId }) => agentId,
      openMirror: async (folder, number, sink) => {
        const agent = this.agents.find(({ id }) => id === folder);
        const attempt = agent?.attempts.find((one) => one.number === number);
        if (attempt === undefined) throw new Error('no such attempt');
        return openMirror(attempt, sink, life);
      },
      offerStore: (folder, number) => {
        const agent = this.agents.find(({ id }) => id === folder);
        const attempt = agent?.attempts.find((one) => one.number === number);
        if (attempt === undefined) throw new Error('no such attempt');
        return life.watch(storeOf(attempt), ['read', 'begin', 'replace', 'bar']);
      },
    });
  }

  /** As the loop that decides: a new attempt is stored before it is ordered, and an old one is adopted. */
  async #tend(agent: HomeAgent, remote: RemoteHost, life: Life): Promise<void> {
    const { time } = this.#world;
    const stored = (act: () => void): Promise<void> =>
      life.call(
        () =>
          new Promise((resolve) => {
            time.after(2, () => {
              // What another process owns, the store refuses.
              if (this.#life !== life) return;
              act();
              resolve();
            });
          }),
      );
    for (;;) {
      let attempt = agent.attempts.at(-1);
      const isNew = attempt === undefined || attempt.end !== null;
      if (isNew) {
        const made = new Attempt((attempt?.number ?? 0) + 1);
        attempt = made;
        await stored(() => void agent.attempts.push(made));
      }
      const current = attempt as Attempt;
      let heard = '';
      const sink: OutputSink = {
        stdout: (chunk) => {
          heard += Buffer.from(chunk).toString();
        },
        isOwned: () => this.#life === life,
      };
      const end = await this.#play(agent, current, isNew, remote, life, sink);
      const isAgain =
        end !== 'failed' &&
        (end.how === 'never_started' || (end.how === 'lost' && agent.errand.isRerunOnLost)) &&
        current.number < maxAttempts;
      await stored(() => {
        current.heard = heard;
        current.end = end;
        if (!isAgain) agent.done = { atMs: time.nowMs, by: life };
      });
      if (!isAgain) return;
    }
  }

  async #play(
    agent: HomeAgent,
    { number }: Attempt,
    isNew: boolean,
    remote: RemoteHost,
    life: Life,
    sink: OutputSink,
  ): Promise<AgentEnd | 'failed'> {
    const { sessionId, id } = agent.order.agent;
    const key = { sessionId, agentId: id, attempt: number };
    const ordered = { ...agent.order.agent, attempt: number };
    if (isNew) {
      try {
        return await this.#steer(
          agent,
          await remote.order(key, { ...agent.order, agent: ordered }, sink),
          life,
          sink,
        );
      } catch {
        return 'failed';
      }
    }
    for (;;) {
      try {
        return await this.#steer(agent, await remote.attach(key, ordered, sink), life, sink);
      } catch {
        await new Promise<void>((resolve) => void life.clock.after(1_000, resolve));
      }
    }
  }

  /** Does what is wanted, also what an earlier process was to do. */
  async #steer(agent: HomeAgent, running: RunningAgent, life: Life, sink: OutputSink): Promise<AgentEnd> {
    const { time } = this.#world;
    const at = (ms: number, act: () => Promise<unknown>): void => {
      life.clock.after(ms - time.nowMs, () => {
        if (sink.isOwned()) act().catch(() => 'it has ended, or its host does not answer');
      });
    };
    const { cancelAtMs, pause, sendAtMs } = agent.errand;
    if (pause !== null && time.nowMs < pause.toMs) {
      at(pause.fromMs, () => running.suspend());
      at(pause.toMs, () => running.resume());
    } else if (pause !== null) at(0, () => running.resume());
    for (const [index, ms] of sendAtMs.entries()) {
      const text = `message ${index}`;
      if (agent.sent.includes(text)) continue;
      at(ms, async () => {
        await running.send({ id: `m${index}`, bytes: Buffer.from(text) });
        agent.sent.push(text);
      });
    }
    if (cancelAtMs !== null) at(cancelAtMs, () => running.stop(0));
    return running.ended;
  }
}

function storeOf(attempt: Attempt): OfferStore {
  return {
    read: async () => (attempt.offers === 'barred' ? null : attempt.offers),
    begin: async (record) => {
      if (attempt.offers !== 'barred') attempt.offers = record;
      return attempt.offers !== 'barred';
    },
    replace: async (record) => {
      attempt.offers = record;
    },
    bar: async () => {
      attempt.offers ??= 'barred';
      return attempt.offers === 'barred';
    },
  };
}

/** The files of an attempt at home, as one of its processes writes and reads them. */
function openMirror(attempt: Attempt, sink: OutputSink, life: Life): Mirror {
  const { files } = attempt;
  let delivered = 0;
  const deliver = (): void => {
    const fresh = files.stdout.subarray(delivered);
    delivered = files.stdout.length;
    if (fresh.length > 0) sink.stdout(fresh);
  };
  deliver();
  const mirror: Mirror = {
    isCaughtUp: () => true,
    write: (stream, offset, bytes) => {
      const got = files[stream].length;
      if (offset > got) return false;
      files[stream] = Buffer.concat([files[stream], bytes.subarray(got - offset)]);
      deliver();
      return true;
    },
    has: ({ stdout, stderr }) => files.stdout.length >= stdout && files.stderr.length >= stderr,
    recordedEnd: async () => attempt.exit,
    close: async () => {},
    finish: async (end) => {
      if (end.how === 'exited') attempt.exit ??= end;
      deliver();
      return files.stdout.length + files.stderr.length;
    },
  };
  return life.watch(mirror, ['recordedEnd', 'finish', 'close']);
}
