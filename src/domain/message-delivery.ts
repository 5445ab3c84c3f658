import { MaosError } from './errors.ts';
import { agentEvent, type DomainEvent, sessionEvent } from './events.ts';
import type { AgentId } from './ids.ts';
import { type ConversationWay, type Message, type MessageState, messageTransitions } from './message.ts';
import { assertTransition } from './transitions.ts';

/** The delay after a message is first returned; each further one is twice as long, up to the maximum. */
const baseDelayMs = 1_000;
const maxDelayMs = 300_000;

/**
 * Leases a message to its recipient until the lease expires.
 * @throws MaosError INVALID_TRANSITION unless it is waiting
 */
export function deliverMessage(message: Message, leaseMs: number, at: string): Message {
  assertWaiting(message);
  const attempt = message.attempt + 1;
  const lease = { via: 'lease', agentAttempt: null, leaseUntil: plus(at, leaseMs) } as const;
  return move(message, 'delivered', { attempt, deliveredAt: at, ...lease });
}

/**
 * Claims a message for one way into a conversation of the agent, before anything is written, so that nothing else
 * delivers it. It stays `queued` until its arrival is observed.
 * @throws MaosError INVALID_TRANSITION unless it is waiting
 */
export function claimMessage(message: Message, agentAttempt: number, via: ConversationWay): Message {
  assertWaiting(message);
  return { ...message, agentAttempt, via };
}

/** Where a message was seen: in the conversation of an agent's attempt, where it came this way. */
export interface Sighting {
  readonly agentId: AgentId;
  readonly attempt: number;
  readonly via: ConversationWay;
}

/** Records that the message was seen where it was claimed for. Leaves any other message unchanged. */
export function confirmDelivery(message: Message, { agentId, attempt, via }: Sighting, at: string): Message {
  const isClaimed = message.state === 'queued' && message.via === via;
  const isHere = message.to === agentId && message.agentAttempt === attempt;
  return isClaimed && isHere ? enterConversation(message, at) : message;
}

/**
 * Makes a claimed message wait again, when the agent's attempt or this way is over and the message was not seen in its
 * conversation.
 * @param via null: whichever way it was claimed for
 */
export function releaseMessage(
  message: Message,
  agentAttempt: number,
  via: ConversationWay | null = null,
): Message {
  const isOnItsWay = message.state === 'queued' && message.via !== null;
  if (!isOnItsWay || message.agentAttempt !== agentAttempt) return message;
  if (via !== null && message.via !== via) return message;
  const lastTrouble = `not seen in the conversation of attempt ${agentAttempt} (${message.via})`;
  return { ...message, via: null, agentAttempt: null, lastTrouble };
}

/**
 * The recipient has handled the message. A second acknowledgement changes nothing.
 * @param attempt the acknowledged delivery; null: the current one
 * @throws MaosError INVALID_TRANSITION when that delivery is over, or there was none
 */
export function acknowledgeMessage(message: Message, attempt: number | null, at: string): Message {
  const given = attempt ?? message.attempt;
  if (message.state === 'acknowledged' && message.attempt === given) return message;
  assertHeld(message, given, 'acknowledged');
  return move(message, 'acknowledged', { acknowledgedAt: at });
}

/** The recipient answered it, which proves that it arrived. Leaves a message that has ended unchanged. */
export function answerMessage(message: Message, at: string): Message {
  if (message.state === 'queued') return answerMessage(enterConversation(message, at), at);
  return message.state === 'delivered' ? acknowledgeMessage(message, null, at) : message;
}

/**
 * The recipient could not handle the message: it is queued again after a delay, or dead when its attempts are used up.
 * A second refusal changes nothing.
 * @param refusal `retry` false: another attempt would not help
 * @param chance from 0 to 1; spreads the retries of messages that failed together
 * @throws MaosError INVALID_TRANSITION when the delivery is over, or the message is in a conversation
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
  if (message.via !== 'lease') {
    throw new MaosError(
      'INVALID_TRANSITION',
      `Message ${message.id} is in its recipient's conversation: it cannot be given back. Acknowledge it, or answer it.`,
      { details: { id: message.id, via: message.via } },
    );
  }
  if (!retry) return bury(message, `rejected: ${reason}`, reason, at);
  return again(message, reason, plus(at, backoffMs(attempt, chance)), at);
}

/**
 * Applies the time: an expired lease ends its delivery, and a message past its deadline is no longer delivered. A
 * claimed message is left alone, because it may have arrived.
 */
export function expireMessage(message: Message, at: string): Message {
  const { state, leaseUntil } = message;
  const isOver = state === 'delivered' && leaseUntil !== null && leaseUntil <= at;
  // No further delay, because the recipient has already had the whole lease.
  const after = isOver ? again(message, `not acknowledged by ${leaseUntil}`, at, at) : message;
  const isLate = after.state === 'queued' && after.via === null && (after.expiresAt ?? '~') <= at;
  return isLate ? move(after, 'expired', {}) : after;
}

/** No recipient will take the message any more. Leaves one that is not waiting unchanged. */
export function buryMessage(message: Message, reason: string, at: string): Message {
  return message.state === 'queued' ? bury(message, reason, message.lastTrouble, at) : message;
}

/**
 * Delay of a message after a failed attempt, in milliseconds. Doubles with each attempt; chance reduces it by up to
 * half.
 * @param attempt from 1
 * @param chance from 0 to 1
 */
export function backoffMs(attempt: number, chance: number): number {
  const longest = Math.min(maxDelayMs, baseDelayMs * 2 ** Math.min(attempt - 1, 30));
  return Math.round(longest * (1 - chance / 2));
}

/** The event for the message's current state. */
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
    case 'delivered': {
      const { leaseUntil, via } = message;
      return event('message.delivered', sessionId, at, { id, attempt, leaseUntil, via: via ?? 'lease' });
    }
    case 'acknowledged':
      return event('message.acknowledged', sessionId, at, { id, attempt });
    case 'expired':
      return event('message.expired', sessionId, at, { id, expiresAt: message.expiresAt ?? at });
    case 'dead':
      return event('message.dead', sessionId, at, { id, attempt, reason: message.deadReason ?? '' });
  }
}

function enterConversation(message: Message, at: string): Message {
  const { via, agentAttempt } = message;
  const attempt = message.attempt + 1;
  return move(message, 'delivered', { attempt, deliveredAt: at, via: via ?? 'tool', agentAttempt });
}

function again(message: Message, trouble: string, availableAt: string, at: string): Message {
  const { attempt, maxAttempts } = message;
  return attempt >= maxAttempts
    ? bury(message, `delivered ${attempt} of ${maxAttempts} times; last failure: ${trouble}`, trouble, at)
    : move(message, 'queued', { availableAt, via: null, agentAttempt: null, lastTrouble: trouble });
}

function bury(message: Message, deadReason: string, lastTrouble: string | null, at: string): Message {
  return move(message, 'dead', { deadAt: at, deadReason, lastTrouble });
}

/** Clears the times that belong to the state it leaves. */
function move(message: Message, to: MessageState, changes: Partial<Message>): Message {
  assertTransition(messageTransitions, `Message ${message.id}`, message.state, to);
  return { ...message, availableAt: null, leaseUntil: null, ...changes, state: to };
}

function assertWaiting({ id, state, via, agentAttempt }: Message): void {
  assertTransition(messageTransitions, `Message ${id}`, state, 'delivered');
  if (via === null) return;
  throw new MaosError(
    'INVALID_TRANSITION',
    `Message ${id} is on its way to attempt ${agentAttempt} of its recipient (${via}): nobody else may deliver it.`,
    { details: { id, via, agentAttempt } },
  );
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
