import type { OutputStream } from '../../src/application/ports/agent-disk.ts';
import type {
  AgentEnd,
  AgentHost,
  InputEntry,
  LaunchKey,
  OutputSink,
  RunningAgent,
} from '../../src/application/ports/agent-host.ts';
import type { HostedRecord, HostedRecords } from '../../src/application/ports/hosting.ts';
import type { Agent } from '../../src/domain/agent.ts';
import type { Random } from '../helpers/random.ts';
import type { Time } from './time.ts';

/** What a program does. */
export interface Script {
  readonly prints: readonly {
    readonly afterMs: number;
    readonly stream: OutputStream;
    readonly text: string;
  }[];
  /** It ends by itself with this status; null: it runs until it is ended. */
  readonly status: number | null;
}

type Exit = { readonly how: 'exited'; readonly exitCode: number | null; readonly signal: string | null };

/** One launch of a program, which outlives the process that has started it. */
export class Launch {
  readonly printed = { stdout: Buffer.alloc(0), stderr: Buffer.alloc(0) };
  readonly received: string[] = [];
  end: AgentEnd | null = null;
  isPaused = false;
  readonly #time: Time;
  readonly #machine: Machine;
  readonly #script: Script;
  readonly #followers = new Set<{ sink: OutputSink; settle: (end: AgentEnd) => void }>();
  readonly #inputs = new Set<string>();
  #next = 0;

  constructor(time: Time, machine: Machine, script: Script) {
    this.#time = time;
    this.#machine = machine;
    this.#script = script;
    this.#step();
  }

  #step(): void {
    const piece = this.#script.prints[this.#next];
    this.#time.after(piece?.afterMs ?? 50, () => {
      if (this.end !== null || this.isPaused) return;
      if (piece !== undefined) {
        this.#next += 1;
        this.printed[piece.stream] = Buffer.concat([this.printed[piece.stream], Buffer.from(piece.text)]);
        if (piece.stream === 'stdout')
          for (const { sink } of this.#followers) sink.stdout(Buffer.from(piece.text));
        this.#step();
      } else if (this.#script.status !== null) {
        this.finish({ how: 'exited', exitCode: this.#script.status, signal: null });
      }
    });
  }

  finish(exit: Exit | { readonly how: 'lost' }): void {
    if (this.end !== null) return;
    this.end = { ...exit, at: this.#machine.now() };
    for (const { settle } of this.#followers) settle(this.end);
    this.#followers.clear();
  }

  resume(): void {
    if (!this.isPaused) return;
    this.isPaused = false;
    this.#step();
  }

  follow(sink: OutputSink): RunningAgent {
    const { promise: ended, resolve: settle } = Promise.withResolvers<AgentEnd>();
    if (this.end === null) this.#followers.add({ sink, settle });
    else settle(this.end);
    const act = async (change: () => void): Promise<void> => {
      if (sink.isOwned() && this.end === null) change();
    };
    return {
      location: { kind: 'simulated', label: 'process 1', data: {} },
      ended,
      takesInput: true,
      isCaughtUp: () => true,
      stop: async (graceMs) => {
        if (this.end === null && sink.isOwned()) {
          const stop = Math.min(graceMs, 100);
          await new Promise<void>((resolve) => void this.#time.after(stop, resolve));
          this.finish({ how: 'exited', exitCode: null, signal: 'SIGTERM' });
        }
        return { signals: ['SIGTERM'], survivors: 0, tookMs: 100 };
      },
      suspend: () =>
        act(() => {
          this.isPaused = true;
        }),
      resume: () => act(() => this.resume()),
      send: ({ id, bytes }: InputEntry) =>
        act(() => {
          if (this.#inputs.has(id)) return;
          this.#inputs.add(id);
          this.received.push(Buffer.from(bytes).toString());
        }),
      closeInput: async () => {},
      sample: async () => null,
      memory: async () => null,
    };
  }
}

/** A machine with a host on it, whose disk and programs outlive the host's process. */
export class Machine {
  readonly name: string;
  readonly launches = new Map<string, Launch | 'fenced'>();
  readonly records: HostedRecords;
  readonly stored = new Map<string, HostedRecord>();
  readonly #time: Time;
  readonly #random: Random;
  readonly #scriptOf: (key: LaunchKey) => Script;
  readonly #started: (key: LaunchKey) => void;
  readonly now: () => string;

  constructor(
    name: string,
    world: {
      readonly time: Time;
      readonly random: Random;
      scriptOf(key: LaunchKey): Script;
      /** A program really starts. */
      started(key: LaunchKey): void;
      now(): string;
    },
  ) {
    this.name = name;
    this.#time = world.time;
    this.#random = world.random;
    this.#scriptOf = world.scriptOf;
    this.#started = world.started;
    this.now = world.now;
    const nameOf = ({ project, sessionId, agentId, attempt }: HostedRecord['key']): string =>
      `${project}.${sessionId}.${agentId}.${attempt}`;
    const { stored } = this;
    this.records = {
      save: (record) => this.#soon(() => void stored.set(nameOf(record.key), record)),
      all: () => this.#soon(() => [...stored.values()]),
      keepGiven: async () => {},
      given: async () => null,
      remove: (key) => this.#soon(() => void stored.delete(nameOf(key))),
    };
  }

  /** What a process of the host uses. */
  host(): AgentHost {
    const launchOf = ({ sessionId, id }: Agent, attempt: number): Launch | null => {
      const launch = this.launches.get(launchName({ sessionId, agentId: id, attempt }));
      return launch === undefined || launch === 'fenced' ? null : launch;
    };
    const used: Partial<AgentHost> = {
      makeRoom: async () => {},
      prepare: async () => {},
      findProgram: async (name) => name,
      locations: () => ({
        ...{ session: '/s', projectRoot: '/s', workingDirectory: '/s', workspace: '/s' },
        ...{ sharedContext: '/s', results: '/s', messages: '/s', artifact: (path) => path },
      }),
      start: (key, _agent, _spec, sink) => this.#start(key, sink),
      attach: (key, _agent, sink) => this.#soon(() => this.#attach(key, sink)),
      outputStart: async (agent, attempt) => (launchOf(agent, attempt) === null ? null : 0),
      readOutput: async (agent, stream, from, maxBytes) => {
        const bytes = launchOf(agent, agent.attempt)?.printed[stream] ?? Buffer.alloc(0);
        return { bytes: bytes.subarray(from, from + maxBytes), start: from, size: bytes.length };
      },
    };
    return used as AgentHost;
  }

  /** Power fails: nothing runs any more, and what is on its disk stays. */
  loseProcesses(): void {
    for (const launch of this.launches.values()) if (launch !== 'fenced') launch.finish({ how: 'lost' });
  }

  get running(): readonly string[] {
    return [...this.launches]
      .filter(([, launch]) => launch !== 'fenced' && launch.end === null)
      .map(([key]) => `${this.name}: ${key}`);
  }

  /** A wrapper comes to life, whoever asked for it lives on or not; it starts the program unless the launch is fenced by then. */
  async #start(key: LaunchKey, sink: OutputSink): Promise<RunningAgent> {
    return this.#soon(() => {
      const name = launchName(key);
      if (!this.launches.has(name)) {
        this.#started(key);
        this.launches.set(name, new Launch(this.#time, this, this.#scriptOf(key)));
      }
      return this.#attach(key, sink);
    }, 300);
  }

  #attach(key: LaunchKey, sink: OutputSink): RunningAgent {
    const name = launchName(key);
    const launch = this.launches.get(name) ?? 'fenced';
    this.launches.set(name, launch);
    if (launch !== 'fenced') return launch.follow(sink);
    const ended = Promise.resolve({ how: 'never_started', at: this.now() } as const);
    const none: Partial<RunningAgent> = {
      ...{ location: { kind: 'simulated', label: 'none', data: {} }, ended, takesInput: false },
      ...{ stop: async () => ({ signals: [], survivors: 0, tookMs: 0 }), suspend: async () => {} },
      resume: async () => {},
    };
    return none as RunningAgent;
  }

  #soon<T>(act: () => T, withinMs = 5): Promise<T> {
    return new Promise((resolve, reject) => {
      this.#time.after(this.#random(withinMs + 1), () => {
        try {
          resolve(act());
        } catch (error) {
          reject(error);
        }
      });
    });
  }
}

/** Unique over all homes. */
export function launchName({ sessionId, agentId, attempt }: LaunchKey): string {
  return `${sessionId} ${agentId} ${attempt}`;
}
