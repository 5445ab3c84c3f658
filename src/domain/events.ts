import { agentEvents } from './events/agent-events.ts';
import { claimEvents } from './events/claim-events.ts';
import type { DataOf, EventDescriptor } from './events/event-type.ts';
import { landingEvents } from './events/landing-events.ts';
import { notificationEvents } from './events/notification-events.ts';
import { proofEvents } from './events/proof-events.ts';
import { requestEvents } from './events/request-events.ts';
import { sessionEvents } from './events/session-events.ts';
import { workEvents } from './events/work-events.ts';
import type { AgentId, SessionId } from './ids.ts';

/** Every type of event, each declared once. Types are in the past tense and never reused with another meaning. */
const catalogue = {
  ...sessionEvents,
  ...workEvents,
  ...agentEvents,
  ...proofEvents,
  ...requestEvents,
  ...claimEvents,
  ...landingEvents,
  ...notificationEvents,
};

export type EventType = keyof typeof catalogue;

/** The data of each type of event. */
export type EventData = { [T in EventType]: DataOf<(typeof catalogue)[T]> };

export const eventTypes = Object.keys(catalogue) as readonly EventType[];

/** A fact about a session that is not stored yet. */
export type DomainEvent = {
  readonly [T in EventType]: {
    readonly type: T;
    readonly sessionId: SessionId;
    readonly agentId: AgentId | null;
    /** ISO 8601 in UTC, with milliseconds. */
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

/** The definition of a type; null for a type of another version. Its functions accept only data of that type. */
export function descriptorOf(type: string): EventDescriptor<unknown> | null {
  return Object.hasOwn(catalogue, type) ? (catalogue[type as EventType] as EventDescriptor<unknown>) : null;
}

/** Converts a stored event of any version to this version. The hash remains that of the stored event. */
export function readEvent(
  stored: Omit<RecordedEvent, 'data' | 'type'> & { type: string; data: unknown },
): RecordedEvent {
  const upcast = descriptorOf(stored.type)?.upcast;
  const { data } = stored;
  if (upcast === undefined || typeof data !== 'object' || data === null) return stored as RecordedEvent;
  return { ...stored, data: upcast(data as Readonly<Record<string, unknown>>) } as RecordedEvent;
}
