import { shorten } from './cut-text.ts';
import { descriptorOf, type EventType, type RecordedEvent } from './events.ts';
import type { AgentId, SessionId } from './ids.ts';
import { showControls } from './invisible-marks.ts';

/** Kinds of notifications. Settings define the ways of each. */
export const notificationKinds = ['end', 'failed', 'pause', 'request'] as const;
export type NotificationKind = (typeof notificationKinds)[number];

/** Shown on the terminal of a process in the foreground. */
const terminalWays = ['bell', 'title', 'desktop'] as const;
/** Sent to other programs, once each, however many processes follow the session. */
export const outsideWays = ['command', 'webhook'] as const;
export type OutsideWay = (typeof outsideWays)[number];

export const notificationWays = [...terminalWays, ...outsideWays] as const;
export type NotificationWay = (typeof notificationWays)[number];

const kinds: { readonly [T in EventType]?: NotificationKind } = {
  'session.completed': 'end',
  'session.cancelled': 'end',
  'session.failed': 'failed',
  'session.paused': 'pause',
  'request.opened': 'request',
};

/** Null: users are not notified of events of this type. */
export function notificationKindOf(type: string): NotificationKind | null {
  return Object.hasOwn(kinds, type) ? (kinds[type as EventType] ?? null) : null;
}

/**
 * What a receiver gets: a webhook's body, or a command's input. `version` changes when a field changes, but not when
 * one is added.
 */
export interface Notification {
  readonly version: 1;
  /** `ntf_…`; the same for every try, so that a receiver can ignore repetitions. */
  readonly id: string;
  readonly kind: NotificationKind | 'test';
  /** The event's type. */
  readonly type: string;
  /** When the event happened: ISO 8601 in UTC. */
  readonly timestamp: string;
  /** One line for people, free of control characters. */
  readonly text: string;
  readonly session: {
    readonly id: SessionId;
    /** Cut if it is long. */
    readonly objective: string;
    /** Path of the project. */
    readonly project: string;
  } | null;
  readonly agent: { readonly id: AgentId; readonly name: string } | null;
  /** The event's data as in `maos events --json`; long texts are cut. */
  readonly data: Readonly<Record<string, unknown>>;
}

/** What a notification contains about the session, besides the event. */
export interface NotifiedSession {
  readonly objective: string;
  readonly project: string;
  /** Name of the event's agent. */
  readonly agentName: string | null;
}

const maxObjective = 500;
const maxText = 200;
const maxDataText = 2_000;

/** Null: users are not notified of the event. */
export function notificationOf(event: RecordedEvent, about: NotifiedSession): Notification | null {
  const kind = notificationKindOf(event.type);
  if (kind === null) return null;
  const { sessionId, agentId, seq, type, at } = event;
  const descriptor = descriptorOf(type);
  const agent = agentId === null ? null : { id: agentId, name: about.agentName ?? agentId };
  const subject = agent === null ? 'session' : agent.name;
  return {
    version: 1,
    id: `ntf_${sessionId.replace(/^sess_/, '')}_${seq}`,
    ...{ kind, type, timestamp: at, agent },
    text: lineOf(
      `${subject} ${descriptor?.text(event.data) ?? type}: ${shorten(about.objective, maxText / 2)}`,
    ),
    session: { id: sessionId, objective: shorten(about.objective, maxObjective), project: about.project },
    data: cutTexts({ ...event.data, ...descriptor?.published?.(event.data) }) as Notification['data'],
  };
}

/** Users send it to test a way. */
export function testNotification(id: string, at: string): Notification {
  const text = 'A test from MAOS: notifications reach you this way.';
  const about = { session: null, agent: null, data: {} };
  return { version: 1, id, kind: 'test', type: 'test', timestamp: at, text, ...about };
}

function lineOf(text: string): string {
  return shorten(showControls(text.replaceAll(/\s+/g, ' ').trim()), maxText);
}

function cutTexts(value: unknown): unknown {
  if (typeof value === 'string') return shorten(value, maxDataText);
  if (Array.isArray(value)) return value.slice(0, 50).map(cutTexts);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, cutTexts(item)]));
}

/** Delays before the second try, the third and so on. After the last one, the notification is given up. */
const retryDelaysMs = [2_000, 10_000, 60_000, 300_000, 900_000];
/** Maximum delay that a receiver can request. */
const maxRetryAfterMs = 900_000;

/**
 * The delay before the next try; null: give up.
 * @param tries number of tries so far, at least 1
 * @param askedMs the delay that the receiver requested
 */
export function retryDelayMs(tries: number, askedMs: number | null): number | null {
  const own = retryDelaysMs[tries - 1];
  return own === undefined ? null : Math.max(own, Math.min(askedMs ?? 0, maxRetryAfterMs));
}
