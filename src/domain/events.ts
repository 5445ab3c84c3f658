import type { FailureKind } from './agent.ts';
import type { AgentStage } from './agent-stage.ts';
import type { AgentId, MessageId, SessionId } from './ids.ts';
import type { MessageType } from './message-type.ts';
import type { ExitPolicy, FailurePolicy, PauseReason, SessionAction, StoredStrategy } from './session.ts';
import type { Usage } from './usage.ts';

/** What serves a session beside its work: where one of them fails, the work goes on and the part is tried again. */
export type SessionPart = 'store' | 'session.log' | 'checkpoints' | 'slots';

/** What each type of event carries. Types are past tense and never reused with another meaning. */
export interface EventData {
  'session.created': {
    objective: string;
    strategy: StoredStrategy;
    failurePolicy: FailurePolicy;
    onExit: ExitPolicy;
    agents: { id: AgentId; name: string; role: string; phase: number; dependsOn: readonly string[] }[];
  };
  'session.started': Record<string, never>;
  'session.paused': { reason: PauseReason; resumeAt: string | null };
  'session.resumed': Record<string, never>;
  'session.completed': { agents: number };
  'session.failed': { completed: number; failed: number; cancelled: number };
  'session.cancelled': { reason: string };
  /** Failed agents and what was cancelled because of them will run again. */
  'session.retried': { agents: readonly string[] };
  /** Another MAOS runs it from now on; `running`: names of the agents it takes up. */
  'session.taken_over': { owner: string; epoch: number; running: readonly string[] };
  /** Its MAOS could not run it on, however often it began anew; it waits for somebody to resume or cancel it. */
  'session.stalled': { reason: string };
  /** A part beside its work fails, and is tried again; said once until it works. */
  'session.degraded': { part: SessionPart; reason: string };
  'session.restored': { part: SessionPart };
  /** Put back into a new store from a checkpoint and the session's log, which had `events` records. */
  'session.recovered': { checkpoint: string; events: number };
  /** Somebody asked; the owner acts on it. */
  'session.requested': { action: SessionAction; agent: string | null; by: string; reason: string };
  /** What was asked has become impossible meanwhile; nothing comes of it. */
  'session.request_refused': { action: SessionAction; agent: string | null; reason: string };
  'phase.started': { phase: number };
  'phase.completed': { phase: number };
  'phase.failed': { phase: number };
  'phase.skipped': { phase: number };
  /** It is ready but a limit holds it back; said once per reason. */
  'agent.waiting': { name: string; reason: string };
  /** It runs from here on, in stage `preparing`. */
  'agent.started': { name: string; role: string; backend: string; attempt: number };
  /**
   * It cannot be acted on, or whether it still runs cannot be told; this is tried again, and what runs is left alone.
   * Said once per reason.
   */
  'agent.unreachable': { name: string; reason: string };
  'agent.reached': { name: string };
  /**
   * A process exists: the agent is in stage `executing`. `where` is an `AgentLocation`, of another shape in older logs:
   * read it with `readLocation`.
   */
  'agent.spawned': { name: string; attempt: number; where: Readonly<Record<string, unknown>> };
  /** Every change of stage that no other event tells; absent in sessions of earlier versions. */
  'agent.stage_changed': { name: string; stage: AgentStage; previous: AgentStage };
  'agent.progressed': { name: string; activity: string; usage: Usage | null };
  /** It has given a result, and processes of it remain; what is left at `until` is ended. */
  'agent.answered': { name: string; background: readonly string[]; until: string | null };
  /** What it had answered was not its last word. */
  'agent.went_on': { name: string };
  'agent.completed': { name: string; durationMs: number; result: string; usage: Usage | null };
  'agent.failed': {
    name: string;
    durationMs: number;
    kind: FailureKind;
    message: string;
    usage: Usage | null;
  };
  'agent.cancelled': { name: string; reason: string; kind: FailureKind | null; usage: Usage | null };
  /** Its processes stand still until the session is resumed. */
  'agent.suspended': { name: string };
  'agent.continued': { name: string };
  /** Back to the start, to run again. */
  'agent.retried': { name: string; attempts: number };
  /** Its provider refused it for a while; it goes on by itself then. */
  'agent.postponed': { name: string; until: string; reason: string; usage: Usage | null };
  'agent.interrupted': { name: string; reason: string; usage: Usage | null };
  /**
   * All processes of the agent are gone; how it was made sure. `processes`: command lines of those that were ended, with
   * their pids; absent in events of earlier versions.
   */
  'agent.stopped': {
    name: string;
    signals: readonly string[];
    survivors: number;
    tookMs: number;
    processes?: readonly string[];
  };
  /** Most of a cap is used up; said once for each. `name`: the agent's, null for the whole session's budget. */
  'budget.warned': { name: string | null; message: string };
  'checkpoint.written': { path: string; reason: string };
  /** Files that agents left and that are not recorded, and why; said once for each reason. */
  'artifact.skipped': { reason: string };
  'artifact.recorded': {
    path: string;
    sizeBytes: number;
    sha256: string;
    by: string | null;
    candidates: readonly string[];
  };
  /** Each state a message comes to. `agentId` is whom it is for; null in `from` and there: people outside the team. */
  'message.queued': {
    id: MessageId;
    type: MessageType;
    from: AgentId | null;
    subject: string;
    /** Deliveries that came to nothing so far, and why the last of them did. */
    attempt: number;
    availableAt: string;
    reason: string | null;
  };
  'message.delivered': { id: MessageId; attempt: number; leaseUntil: string };
  'message.acknowledged': { id: MessageId; attempt: number };
  'message.dead': { id: MessageId; attempt: number; reason: string };
}

export type EventType = keyof EventData;

/** A fact about a session, not yet stored. */
export type DomainEvent = {
  readonly [T in EventType]: {
    readonly type: T;
    readonly sessionId: SessionId;
    readonly agentId: AgentId | null;
    /** ISO 8601 UTC, milliseconds. */
    readonly at: string;
    readonly data: EventData[T];
  };
}[EventType];

/** A stored fact: `seq` counts from 1 within its session, without gaps. */
export type RecordedEvent = DomainEvent & { readonly seq: number };

export function sessionEvent<T extends EventType>(
  type: T,
  sessionId: SessionId,
  at: string,
  data: EventData[T],
): DomainEvent {
  return { type, sessionId, agentId: null, at, data } as DomainEvent;
}

export function agentEvent<T extends EventType>(
  type: T,
  agent: { readonly id: AgentId; readonly sessionId: SessionId },
  at: string,
  data: EventData[T],
): DomainEvent {
  return { type, sessionId: agent.sessionId, agentId: agent.id, at, data } as DomainEvent;
}
