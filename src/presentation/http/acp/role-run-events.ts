import { runIdOf } from '../../../application/control/acp-runs.ts';
import type { SessionReader } from '../../../application/ports/session-reader.ts';
import type { Project } from '../../../application/project.ts';
import { followEvents } from '../../../application/queries/event-feed.ts';
import type { Agent } from '../../../domain/agent.ts';
import type { RecordedEvent } from '../../../domain/events.ts';
import type { SessionId } from '../../../domain/ids.ts';
import { agentNameOf } from './role-manifest.ts';
import { artifactParts, StepReader } from './role-output.ts';
import { isOver } from './run-source.ts';
import type { AcpEvent, AwaitRequest, Message, MessagePart, Run, RunStatus } from './schemas.ts';

const batchSize = 500;

export type Detail = 'all' | 'states';

/**
 * The events of a run, derived from the session's events and its agent's output. Nothing is stored, so a stream and a
 * later read return the same events, also after a restart and whichever MAOS ran the session.
 * @param signal with one, also includes future events until it aborts
 * @param detail `states`: without messages, which are in the agent's output
 */
export async function* roleRunEvents(
  project: Project,
  id: SessionId,
  acpSession: string,
  signal: AbortSignal | null,
  detail: Detail,
): AsyncGenerator<AcpEvent> {
  const teller = new RunEventProjector(project, id, acpSession, detail);
  const batches = signal === null ? storedEvents(project, id) : followEvents(project, id, 0, signal);
  for await (const batch of batches) {
    for (const event of batch) yield* teller.hear(event);
  }
}

async function* storedEvents(
  { store }: { readonly store: SessionReader },
  id: SessionId,
): AsyncGenerator<readonly RecordedEvent[]> {
  for (let last = 0; ; ) {
    const events = store.events(id, last, batchSize);
    last = events.at(-1)?.seq ?? last;
    if (events.length === 0) return;
    yield events;
  }
}

/** Translates a session's events to those of the protocol. */
class RunEventProjector {
  readonly #project: Project;
  readonly #id: SessionId;
  readonly #steps: StepReader;
  readonly #detail: Detail;
  #run: Run;
  #message: Message | null = null;
  #attempt = 0;
  /**
   * Start of the agent whose message is being built; used for its times, so that they do not depend on when it is read.
   */
  #since: string | null = null;

  constructor(project: Project, id: SessionId, acpSession: string, detail: Detail) {
    this.#detail = detail;
    this.#project = project;
    this.#id = id;
    this.#steps = new StepReader(project);
    const { session } = project.store.summary(id);
    this.#run = newRun(id, acpSession, this.#agent.role.name, session.createdAt);
  }

  /** Loaded each time, because reading the output needs the latest data on the agent's attempts. */
  get #agent(): Agent {
    const [agent] = this.#project.store.load(this.#id).agents;
    if (agent === undefined) throw new Error(`Session ${this.#id} has no agent.`);
    return agent;
  }

  async *hear(event: RecordedEvent): AsyncGenerator<AcpEvent> {
    switch (event.type) {
      case 'session.created':
        return yield this.#moved('created');
      case 'session.started':
      case 'session.resumed':
      case 'session.retried':
        if (this.#run.status !== 'in-progress') yield this.#moved('in-progress');
        return;
      case 'session.paused':
        return yield this.#moved('awaiting', { await_request: pausedRequest(this.#run, event.data) });
      case 'agent.started':
        this.#attempt = event.data.attempt;
        this.#since ??= event.at;
        return;
      case 'agent.progressed':
        return yield* this.#tell(event, await this.#read());
      case 'agent.completed':
        return yield* this.#endAttempt(event, event.data.result);
      case 'agent.failed':
        this.#run = { ...this.#run, error: failureOf(event.data) };
        return yield* this.#endAttempt(event, null);
      case 'agent.cancelled':
      case 'agent.interrupted':
      case 'agent.postponed':
        return yield* this.#endAttempt(event, null);
      case 'session.completed':
        return yield* this.#end('completed', event.at);
      case 'session.failed':
        return yield* this.#end('failed', event.at);
      case 'session.cancelled':
        return yield* this.#end('cancelled', event.at);
    }
  }

  async *#endAttempt({ at }: RecordedEvent, result: string | null): AsyncGenerator<AcpEvent> {
    const steps = await this.#read();
    yield* this.#tell({ at }, [...steps, ...this.#steps.end(result)]);
    if (result !== null) yield* this.#tell({ at }, [plainPart(result)]);
  }

  async #read(): Promise<readonly MessagePart[]> {
    if (this.#attempt === 0 || this.#detail === 'states') return [];
    return this.#steps.read(this.#agent, this.#attempt);
  }

  *#tell({ at }: { readonly at: string }, parts: readonly MessagePart[]): Generator<AcpEvent> {
    if (parts.length === 0) return;
    if (this.#message === null) {
      const role = `agent/${this.#run.agent_name}`;
      this.#message = { role, parts: [], created_at: this.#since ?? at, completed_at: null };
      yield { type: 'message.created', message: this.#message };
    }
    this.#message = { ...this.#message, parts: [...this.#message.parts, ...parts] };
    for (const part of parts) yield { type: 'message.part', part };
  }

  async *#end(status: 'completed' | 'failed' | 'cancelled', at: string): AsyncGenerator<AcpEvent> {
    if (this.#detail === 'all') yield* this.#tell({ at }, await artifactParts(this.#project, this.#id));
    if (this.#message !== null) {
      const message = { ...this.#message, completed_at: at };
      this.#message = null;
      this.#since = null;
      this.#run = { ...this.#run, output: [...this.#run.output, message] };
      yield { type: 'message.completed', message };
    }
    yield this.#moved(status, { finished_at: at, error: status === 'failed' ? this.#run.error : null });
  }

  #moved(status: RunEventStatus, more: Partial<Run> = {}): AcpEvent {
    const error = isOver(status) ? this.#run.error : null;
    this.#run = { ...this.#run, error, await_request: null, finished_at: null, ...more, status };
    return { type: `run.${status}`, run: this.#run };
  }
}

type RunEventStatus = Exclude<RunStatus, 'cancelling'>;

function newRun(id: SessionId, acpSession: string, role: string, createdAt: string): Run {
  return {
    run_id: runIdOf(id),
    agent_name: agentNameOf(role),
    session_id: acpSession,
    status: 'created',
    await_request: null,
    output: [],
    error: null,
    created_at: createdAt,
    finished_at: null,
  };
}

function plainPart(content: string): MessagePart {
  return { content_type: 'text/plain', content, content_encoding: 'plain' };
}

function failureOf({ kind, message }: { readonly kind: string; readonly message: string }) {
  return { code: 'server_error', message, data: { kind } } as const;
}

/** What a paused session awaits: a request to resume. */
function pausedRequest(
  { agent_name }: Run,
  { reason, resumeAt }: { readonly reason: string; readonly resumeAt: string | null },
): AwaitRequest {
  const until = resumeAt === null ? '' : ` until ${resumeAt}`;
  const text = `Paused (${reason}${until}). Resume the run with an empty message ("parts": []): MAOS cannot pass a message to a resumed agent.`;
  return { type: 'message', message: { role: `agent/${agent_name}`, parts: [plainPart(text)] } };
}
