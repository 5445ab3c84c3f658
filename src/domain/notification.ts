import { shorten } from './cut-text.ts';
import { descriptorOf, type EventType, type RecordedEvent } from './events.ts';
import type { AgentId, SessionId } from './ids.ts';
import { showControls } from './invisible-marks.ts';

/** What users are notified of: rules are set for each. */
export const notificationKinds = ['end', 'failed', 'pause', 'request'] as const;
export type NotificationKind = (typeof notificationKinds)[number];

/** On the terminal of the process in the foreground. */
const terminalWays = ['bell', 'title', 'desktop'] as const;
/** Out of MAOS, once each, whoever watches. */
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

/** Null for what nobody is notified of. */
export function notificationKindOf(type: string): NotificationKind | null {
  return Object.hasOwn(kinds, type) ? (kinds[type as EventType] ?? null) : null;
}

/** What a receiver reads, a webhook's body and a command's input. Fields may be added; `version` changes when one changes. */
export interface Notification {
  readonly version: 1;
  /** `ntf_…`; the same for every try, so that a receiver knows what it has already. */
  readonly id: string;
  readonly kind: NotificationKind | 'test';
  /** The event's. */
  readonly type: string;
  /** When it happened: ISO 8601 UTC. */
  readonly timestamp: string;
  /** One line for people, free of control characters. */
  readonly text: string;
  readonly session: {
    readonly id: SessionId;
    /** Cut where it is long. */
    readonly objective: string;
    /** Path of the project. */
    readonly project: string;
  } | null;
  readonly agent: { readonly id: AgentId; readonly name: string } | null;
  /** What the event carries, as `maos events --json` has it; long texts are cut. */
  readonly data: Readonly<Record<string, unknown>>;
}

/** What a notification says of the session besides its event. */
export interface NotifiedSession {
  readonly objective: string;
  readonly project: string;
  /** Of the event's agent. */
  readonly agentName: string | null;
}

const maxObjective = 500;
const maxText = 200;
const maxDataText = 2_000;

/** Null where nobody is notified of the event. */
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

/** What users send themselves to see that it arrives. */
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

/** Pauses before the second try of a notification, the third and so on; there is none after the last. */
const retryDelaysMs = [2_000, 10_000, 60_000, 300_000, 900_000];
/** The longest pause a receiver can ask for. */
const maxRetryAfterMs = 900_000;

/**
 * How long to wait before the next try; null: it is given up.
 * @param tries made so far, at least 1
 * @param askedMs pause that the receiver asked for
 */
export function retryDelayMs(tries: number, askedMs: number | null): number | null {
  const own = retryDelaysMs[tries - 1];
  return own === undefined ? null : Math.max(own, Math.min(askedMs ?? 0, maxRetryAfterMs));
}
