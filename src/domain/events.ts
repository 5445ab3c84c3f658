import { agentEvents } from './events/agent-events.ts';
import { claimEvents } from './events/claim-events.ts';
import type { DataOf, EventDescriptor } from './events/event-type.ts';
import { requestEvents } from './events/request-events.ts';
import { sessionEvents } from './events/session-events.ts';
import { workEvents } from './events/work-events.ts';
import type { AgentId, SessionId } from './ids.ts';

/** Every type of event, each declared once. Types are past tense and never reused with another meaning. */
const catalogue = { ...sessionEvents, ...workEvents, ...agentEvents, ...requestEvents, ...claimEvents };

export type EventType = keyof typeof catalogue;

/** What each type of event carries. */
export type EventData = { [T in EventType]: DataOf<(typeof catalogue)[T]> };

export const eventTypes = Object.keys(catalogue) as readonly EventType[];

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

/** All that is known of a type; null for one that another version wrote. To be given data of events of that type alone. */
export function descriptorOf(type: string): EventDescriptor<unknown> | null {
  return Object.hasOwn(catalogue, type) ? (catalogue[type as EventType] as EventDescriptor<unknown>) : null;
}

/** An event as this version knows it, whichever wrote it. Its hash is that of what is stored. */
export function readEvent(
  stored: Omit<RecordedEvent, 'data' | 'type'> & { type: string; data: unknown },
): RecordedEvent {
  const upcast = descriptorOf(stored.type)?.upcast;
  const { data } = stored;
  if (upcast === undefined || typeof data !== 'object' || data === null) return stored as RecordedEvent;
  return { ...stored, data: upcast(data as Readonly<Record<string, unknown>>) } as RecordedEvent;
}
