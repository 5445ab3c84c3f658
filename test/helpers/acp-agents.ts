import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { AcpError, notPossible } from '../../src/presentation/http/acp/errors.ts';
import { isOver, type RunHandle, type RunSource } from '../../src/presentation/http/acp/run-source.ts';
import type {
  AcpErrorBody,
  AcpEvent,
  Message,
  MessagePart,
  Run,
} from '../../src/presentation/http/acp/schemas.ts';

/**
 * The agents that the protocol's own suites use, in memory, to test the protocol itself. Durability is tested with
 * MAOS's roles.
 */

type Yield = Message | MessagePart | { readonly awaits: Message };

interface Asked {
  readonly input: readonly Message[];
  readonly history: () => Promise<readonly Message[]>;
  readonly signal: AbortSignal;
}

type Behaviour = (asked: Asked) => AsyncGenerator<Yield>;

const wrong = new AcpError(422, 'invalid_input', 'Wrong question buddy!');
const picture = Buffer.from('\x89PNG\r\n\x1a\n', 'latin1').toString('base64');

const behaviours: Readonly<Record<string, Behaviour>> = {
  async *echo({ input }) {
    yield* input;
  },
  async *'slow-echo'({ input, signal }) {
    for (const message of input) {
      await sleep(1_000, undefined, { signal });
      yield message;
    }
  },
  async *'history-echo'({ input, history }) {
    yield* await history();
    yield* input;
  },
  async *awaiter() {
    yield { awaits: { parts: [] } };
    yield { content: 'empty', content_type: 'text/plain' };
  },
  async *failer() {
    yield { content: 'About to fail' };
    throw wrong;
  },
  // biome-ignore lint/correctness/useYield: it fails before it says anything
  async *raiser() {
    throw wrong;
  },
  async *'mime-types'() {
    yield { content: '<h1>HTML Content</h1>', content_type: 'text/html' };
    yield { content: '{"key": "value"}', content_type: 'application/json' };
    yield { content: 'body { color: red; }', content_type: 'text/css' };
  },
  async *'base64-encoding'() {
    yield {
      parts: [
        { content: picture, content_type: 'image/png', content_encoding: 'base64' },
        { content: 'This is plain text', content_type: 'text/plain' },
      ],
    };
  },
  async *'artifact-producer'() {
    yield { content: 'Processing with artifacts', content_type: 'text/plain' };
    yield { name: 'text-result.txt', content_type: 'text/plain', content: 'A text artifact' };
    yield { name: 'data.json', content_type: 'application/json', content: '{"results": [1, 2, 3]}' };
    yield { name: 'image.png', content_type: 'image/png', content: picture, content_encoding: 'base64' };
  },
};

export function testAgents(): RunSource {
  const runs = new Map<string, TestRun>();
  const ofSession = async (id: string) => [...runs.values()].filter((run) => run.sessionId === id);
  return {
    agents: async () =>
      Object.keys(behaviours).map((name) => ({
        name,
        description: `The test agent ${name}.`,
        input_content_types: ['*/*'],
        output_content_types: ['*/*'],
        metadata: {},
      })),
    has: async (agent) => Object.hasOwn(behaviours, agent),
    async start(agent, input, sessionId) {
      const before = await ofSession(sessionId);
      const history = async (): Promise<readonly Message[]> => {
        const states = await Promise.all(before.map(async (run) => ({ run, now: await run.current() })));
        const done = states.filter(({ now }) => now.status === 'completed');
        return done.flatMap(({ run, now }) => [...run.input, ...now.output]);
      };
      const run = new TestRun(agent, input, sessionId);
      runs.set(run.id, run);
      void run.perform((behaviours[agent] as Behaviour)({ input, history, signal: run.signal }));
      return run;
    },
    find: async (id) => runs.get(id) ?? null,
    ofSession,
  };
}

class TestRun implements RunHandle {
  readonly id = randomUUID();
  readonly input: readonly Message[];
  readonly sessionId: string;
  readonly #events: AcpEvent[] = [];
  readonly #cancelled = new AbortController();
  readonly #listeners = new Set<() => void>();
  #resume: (() => void) | null = null;
  #message: Message | null = null;
  #run: Run;

  constructor(agent: string, input: readonly Message[], sessionId: string) {
    this.input = input;
    this.sessionId = sessionId;
    this.#run = {
      run_id: this.id,
      agent_name: agent,
      session_id: sessionId,
      status: 'created',
      await_request: null,
      output: [],
      error: null,
      created_at: new Date().toISOString(),
      finished_at: null,
    };
  }

  get signal(): AbortSignal {
    return this.#cancelled.signal;
  }

  async perform(steps: AsyncGenerator<Yield>): Promise<void> {
    this.#move('created');
    // Not before the response to the client that created it.
    await sleep(1);
    try {
      this.#move('in-progress');
      for await (const step of steps) {
        this.signal.throwIfAborted();
        await this.#take(step);
      }
      this.#flush();
      this.#end('completed', null);
    } catch (error) {
      if (this.signal.aborted) this.#end('cancelled', null);
      else this.#end('failed', error instanceof AcpError ? error.body : null);
    }
  }

  async current(): Promise<Run> {
    return this.signal.aborted && !isOver(this.#run.status)
      ? { ...this.#run, status: 'cancelling' }
      : this.#run;
  }

  async *events(skip: number, signal: AbortSignal | null): AsyncGenerator<AcpEvent> {
    for (let next = skip; ; ) {
      const event = this.#events[next];
      if (event !== undefined) {
        next += 1;
        yield event;
      } else {
        if (signal === null || signal.aborted) return;
        await this.#change(signal);
      }
    }
  }

  async cancel(): Promise<void> {
    if (isOver(this.#run.status)) throw notPossible(`Run ${this.id} is ${this.#run.status}.`);
    this.#cancelled.abort();
    this.#resume?.();
  }

  async resume(): Promise<void> {
    if (this.#run.status !== 'awaiting') throw notPossible(`Run ${this.id} awaits nothing.`);
    this.#resume?.();
  }

  async #take(step: Yield): Promise<void> {
    if ('awaits' in step) {
      this.#move('awaiting', { await_request: { type: 'message', message: step.awaits as Message } });
      await new Promise<void>((resolve) => {
        this.#resume = resolve;
        if (this.signal.aborted) resolve();
      });
      this.signal.throwIfAborted();
      this.#move('in-progress');
    } else if ('parts' in step) {
      this.#flush();
      for (const part of (step as Message).parts) this.#part(part);
      this.#open();
      this.#flush();
    } else {
      this.#part(step);
    }
  }

  #open(): Message {
    if (this.#message === null) {
      const message: Message = { role: `agent/${this.#run.agent_name}`, parts: [], created_at: now() };
      this.#message = message;
      this.#tell({ type: 'message.created', message: { ...message, parts: [], completed_at: null } });
    }
    return this.#message;
  }

  #part(part: MessagePart): void {
    this.#open().parts.push(part);
    this.#tell({ type: 'message.part', part });
  }

  #flush(): void {
    if (this.#message === null) return;
    const message = { ...this.#message, completed_at: now() };
    this.#message = null;
    this.#run = { ...this.#run, output: [...this.#run.output, message] };
    this.#tell({ type: 'message.completed', message });
  }

  #end(status: 'completed' | 'failed' | 'cancelled', error: AcpErrorBody | null): void {
    this.#move(status, { error, finished_at: now() });
  }

  #move(status: Exclude<Run['status'], 'cancelling'>, more: Partial<Run> = {}): void {
    this.#run = { ...this.#run, await_request: null, ...more, status };
    this.#tell({ type: `run.${status}`, run: this.#run });
  }

  #tell(event: AcpEvent): void {
    this.#events.push(event);
    for (const listener of this.#listeners) listener();
  }

  async #change(signal: AbortSignal): Promise<void> {
    await new Promise<void>((resolve) => {
      const done = (): void => {
        this.#listeners.delete(done);
        signal.removeEventListener('abort', done);
        resolve();
      };
      this.#listeners.add(done);
      signal.addEventListener('abort', done);
    });
  }
}

function now(): string {
  return new Date().toISOString();
}
