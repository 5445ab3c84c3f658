import { MaosError, quote } from './errors.ts';
import { agentEvent, type DomainEvent, sessionEvent } from './events.ts';
import type { AgentId, MessageId, SessionId } from './ids.ts';
import type { MessageType } from './message-type.ts';
import { assertTransition, type TransitionTable } from './transitions.ts';

export const messageStates = ['queued', 'delivered', 'acknowledged', 'dead'] as const;
export type MessageState = (typeof messageStates)[number];

export const messageTransitions: TransitionTable<MessageState> = {
  queued: ['delivered'],
  /** Back to `queued`: the recipient gave it back, or the lease of the delivery ran out. */
  delivered: ['queued', 'acknowledged', 'dead'],
  acknowledged: [],
  dead: [],
};

/** Of the shape of messages; a message of another one is refused. */
export const messageSchemaVersion = 1;

/** How often a message is delivered before it is dead, where its sender does not say. */
export const defaultMaxAttempts = 5;
/** Messages that wait for one recipient, delivered ones included. */
export const maxWaitingMessages = 10_000;

/** The first wait after a message was given back; each further one is twice as long, up to the longest. */
const baseDelayMs = 1_000;
const maxDelayMs = 300_000;

/** What a sender decides. */
export interface MessageDraft {
  readonly id: MessageId;
  readonly sessionId: SessionId;
  /** Null: people and programs outside the team. */
  readonly from: AgentId | null;
  readonly to: AgentId | null;
  readonly type: MessageType;
  readonly subject: string;
  readonly body: string;
  readonly contentType: string;
  readonly schemaVersion: number;
  /** Shared by a request and all that belongs to it. Null: a notification that belongs to nothing. */
  readonly correlationId: string | null;
  readonly replyTo: MessageId | null;
  /** The broadcast it is part of. */
  readonly broadcastId: MessageId | null;
  readonly maxAttempts: number;
}

export interface Message extends MessageDraft {
  readonly state: MessageState;
  /** How often it has been delivered; the recipient acknowledges the present delivery by this number. */
  readonly attempt: number;
  readonly queuedAt: string;
  /** Queued: not delivered before. */
  readonly availableAt: string | null;
  /** The last time. */
  readonly deliveredAt: string | null;
  /** Delivered: queued again, unless acknowledged by then. */
  readonly leaseUntil: string | null;
  readonly acknowledgedAt: string | null;
  readonly deadAt: string | null;
  readonly deadReason: string | null;
  /** Why the last delivery failed; null when none has failed. */
  readonly lastTrouble: string | null;
}

/**
 * A message as it is first stored.
 * @param repliedTo the message it answers, when it names one
 * @throws MaosError INVALID_INPUT for another schema version, and for a reply that does not fit what it answers
 */
export function queueMessage(draft: MessageDraft, repliedTo: Message | null, at: string): Message {
  if (draft.schemaVersion !== messageSchemaVersion) {
    throw invalid(
      `Unknown schema_version ${draft.schemaVersion}: this version of MAOS supports ${messageSchemaVersion}.`,
      { schemaVersion: draft.schemaVersion, known: [messageSchemaVersion] },
    );
  }
  assertReply(draft, repliedTo);
  return {
    ...draft,
    correlationId: draft.correlationId ?? correlationOf(draft, repliedTo),
    state: 'queued',
    attempt: 0,
    queuedAt: at,
    availableAt: at,
    deliveredAt: null,
    leaseUntil: null,
    acknowledgedAt: null,
    deadAt: null,
    deadReason: null,
    lastTrouble: null,
  };
}

/** Answers to all requests of one broadcast belong together. */
function correlationOf({ id, type, broadcastId }: MessageDraft, repliedTo: Message | null): string | null {
  return repliedTo?.correlationId ?? (type === 'request' ? (broadcastId ?? id) : null);
}

/** A response answers a request, goes back to who asked, from who was asked, under the request's correlation. */
function assertReply(draft: MessageDraft, original: Message | null): void {
  const { type, replyTo, correlationId } = draft;
  if (type === 'response' && replyTo === null) {
    throw invalid('A response needs reply_to: the id of the request it answers.');
  }
  if (replyTo === null) return;
  if (original === null || original.id !== replyTo || original.sessionId !== draft.sessionId) {
    throw invalid(`Session ${draft.sessionId} has no message ${replyTo} (reply_to).`, {
      replyTo,
    });
  }
  if (type !== 'response') return;
  if (original.type !== 'request') {
    throw invalid(`${replyTo} is a ${original.type}: only a request can get a response.`, {
      replyTo,
    });
  }
  if (draft.from !== original.to || draft.to !== original.from) {
    throw invalid(
      `${replyTo} went from ${partyOf(original.from)} to ${partyOf(original.to)}: its response must go the other way, not from ${partyOf(draft.from)} to ${partyOf(draft.to)}.`,
      { replyTo },
    );
  }
  if (correlationId !== null && correlationId !== original.correlationId) {
    throw invalid(
      `The correlation_id of ${replyTo} is ${quote(original.correlationId)}, not ${quote(correlationId)}: leave it out, or give the request's.`,
      { replyTo, correlationId: original.correlationId },
    );
  }
}

function partyOf(agent: AgentId | null): string {
  return agent ?? 'outside the team';
}

/**
 * Whether a message sent again under its id is the one that is stored. Who it is for does not count within a broadcast,
 * whose recipients are those there were when it was first sent.
 */
export function isSameMessage(stored: Message, sent: Message): boolean {
  const keys = ['sessionId', 'from', 'type', 'subject', 'body', 'contentType', 'schemaVersion'] as const;
  const more = ['replyTo', 'broadcastId', 'maxAttempts'] as const;
  return (
    [...keys, ...more].every((key) => stored[key] === sent[key]) &&
    (stored.broadcastId !== null || (stored.id === sent.id && stored.to === sent.to)) &&
    stored.correlationId === sent.correlationId
  );
}

/**
 * Delivers a message to its recipient, who has it until the lease runs out.
 * @throws MaosError INVALID_TRANSITION unless it is queued
 */
export function deliverMessage(message: Message, leaseMs: number, at: string): Message {
  const attempt = message.attempt + 1;
  return move(message, 'delivered', { attempt, deliveredAt: at, leaseUntil: plus(at, leaseMs) });
}

/**
 * The recipient has dealt with the message. A second acknowledgement changes nothing.
 * @param attempt the delivery that is acknowledged
 * @throws MaosError INVALID_TRANSITION when that delivery is over
 */
export function acknowledgeMessage(message: Message, attempt: number, at: string): Message {
  if (message.state === 'acknowledged' && message.attempt === attempt) return message;
  assertHeld(message, attempt, 'acknowledged');
  return move(message, 'acknowledged', { acknowledgedAt: at });
}

/**
 * The recipient could not deal with the message: it is queued again after a wait, or dead when its attempts are used up.
 * A second refusal changes nothing.
 * @param refusal `retry` false: no further attempt would go better
 * @param chance 0 up to 1: spreads the retries of messages that failed together
 * @throws MaosError INVALID_TRANSITION when the delivery is over
 */
export function giveBackMessage(
  message: Message,
  attempt: number,
  refusal: { readonly reason: string; readonly retry: boolean },
  at: string,
  chance: number,
): Message {
  const { reason, retry } = refusal;
  const isOver = message.state === 'dead' || (message.state === 'queued' && retry);
  if (isOver && message.attempt === attempt && attempt > 0) return message;
  assertHeld(message, attempt, retry ? 'queued' : 'dead');
  if (!retry) return bury(message, `rejected: ${reason}`, reason, at);
  return again(message, reason, plus(at, backoffMs(attempt, chance)), at);
}

/** A delivery whose lease has run out is over: the message is queued again, or dead. Any other message stays as it is. */
export function expireMessage(message: Message, at: string): Message {
  const { state, leaseUntil } = message;
  if (state !== 'delivered' || leaseUntil === null || leaseUntil > at) return message;
  // No further wait: the recipient has already had the whole lease.
  return again(message, `not acknowledged by ${leaseUntil}`, at, at);
}

/**
 * How long a message waits after its given attempt failed, in milliseconds: twice as long each time, of which chance
 * takes off up to a half.
 * @param attempt from 1
 * @param chance 0 up to 1
 */
export function backoffMs(attempt: number, chance: number): number {
  const longest = Math.min(maxDelayMs, baseDelayMs * 2 ** Math.min(attempt - 1, 30));
  return Math.round(longest * (1 - chance / 2));
}

/** What the log of the session says of the state it is in now. */
export function messageEvent(message: Message, at: string): DomainEvent {
  const { id, sessionId, to, from, type, subject, attempt, lastTrouble: reason } = message;
  const event: typeof sessionEvent = (kind, session, when, data) =>
    to === null
      ? sessionEvent(kind, session, when, data)
      : agentEvent(kind, { id: to, sessionId: session }, when, data);
  switch (message.state) {
    case 'queued': {
      const availableAt = message.availableAt ?? at;
      const data = { id, type, from, subject, attempt, availableAt, reason };
      return event('message.queued', sessionId, at, data);
    }
    case 'delivered':
      return event('message.delivered', sessionId, at, {
        id,
        attempt,
        leaseUntil: message.leaseUntil ?? at,
      });
    case 'acknowledged':
      return event('message.acknowledged', sessionId, at, { id, attempt });
    case 'dead':
      return event('message.dead', sessionId, at, { id, attempt, reason: message.deadReason ?? '' });
  }
}

function again(message: Message, trouble: string, availableAt: string, at: string): Message {
  const { attempt, maxAttempts } = message;
  return attempt >= maxAttempts
    ? bury(message, `delivered ${attempt} of ${maxAttempts} times; last failure: ${trouble}`, trouble, at)
    : move(message, 'queued', { availableAt, lastTrouble: trouble });
}

function bury(message: Message, deadReason: string, lastTrouble: string, at: string): Message {
  return move(message, 'dead', { deadAt: at, deadReason, lastTrouble });
}

/** When it may be delivered, and until when it is, belongs to the state it leaves. */
function move(message: Message, to: MessageState, changes: Partial<Message>): Message {
  assertTransition(messageTransitions, `Message ${message.id}`, message.state, to);
  return { ...message, availableAt: null, leaseUntil: null, ...changes, state: to };
}

function assertHeld({ id, state, attempt, lastTrouble }: Message, given: number, to: MessageState): void {
  const details = { id, state, attempt, given };
  if (given !== attempt || (state === 'queued' && attempt > 0)) {
    const why = given === attempt ? lastTrouble : `it has been delivered ${attempt} times since`;
    throw new MaosError(
      'INVALID_TRANSITION',
      `Attempt ${given} of message ${id} is not in progress: ${why}. Lease it again.`,
      { details },
    );
  }
  assertTransition(messageTransitions, `Message ${id}`, state, to);
}

function plus(at: string, ms: number): string {
  return new Date(Date.parse(at) + ms).toISOString();
}

function invalid(message: string, details: Readonly<Record<string, unknown>> = {}): MaosError {
  return new MaosError('INVALID_INPUT', message, { details });
}
