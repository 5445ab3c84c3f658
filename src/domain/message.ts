import { MaosError, quote } from './errors.ts';
import type { AgentId, MessageId, SessionId } from './ids.ts';
import type { MessageType } from './message-type.ts';
import type { TransitionTable } from './transitions.ts';

export const messageStates = ['queued', 'delivered', 'acknowledged', 'expired', 'dead'] as const;
export type MessageState = (typeof messageStates)[number];

export const messageTransitions: TransitionTable<MessageState> = {
  queued: ['delivered', 'expired', 'dead'],
  /** Back to `queued`: the recipient gave it back, or the lease of the delivery ran out. */
  delivered: ['queued', 'acknowledged', 'expired', 'dead'],
  acknowledged: [],
  expired: [],
  dead: [],
};

/**
 * How a message gets to its recipient: `live` into the input of a CLI that works, with the answer of a `tool` of the agent's,
 * in the `prompt` of its next start, or under a `lease` to a program that acknowledges it.
 */
export type DeliveryWay = 'live' | 'tool' | 'prompt' | 'lease';
/** The ways into an agent's conversation. What is there once cannot be taken back, so no lease ends it. */
export type ConversationWay = Exclude<DeliveryWay, 'lease'>;

/** Of the shape of messages; a message of another one is refused. */
export const messageSchemaVersion = 1;

/** How often a message is delivered before it is dead, where its sender does not say. */
export const defaultMaxAttempts = 5;
/** Messages that wait for one recipient, leased ones included. */
export const maxWaitingMessages = 10_000;
/** Longest body, in characters. */
export const maxMessageBody = 65_536;
export const maxMessageSubject = 200;
/** How often two agents may answer each other in turn before anybody else has to write to one of them. */
export const maxExchange = 40;

/** What one sender, two who write to each other, and one recipient may cause. */
export interface MessageLimits {
  readonly maxWaiting: number;
  /** Null: no limit. */
  readonly perMinute: number | null;
  readonly maxExchange: number;
}

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
  /** Not delivered any more from then on. */
  readonly expiresAt: string | null;
}

export interface Message extends MessageDraft {
  readonly state: MessageState;
  /** How often it has been delivered; the recipient acknowledges the present delivery by this number. */
  readonly attempt: number;
  /** How it was delivered last. Queued: how it is on its way, so that nobody else may deliver it; null while it waits. */
  readonly via: DeliveryWay | null;
  /** The attempt of the recipient whose conversation it is on its way to, or in; null for a lease. */
  readonly agentAttempt: number | null;
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
 * @throws MaosError INVALID_INPUT for another schema version, for what is too long, and for a reply that does not fit what it answers
 */
export function queueMessage(draft: MessageDraft, repliedTo: Message | null, at: string): Message {
  if (draft.schemaVersion !== messageSchemaVersion) {
    throw invalid(
      `Unknown schema_version ${draft.schemaVersion}: this version of MAOS supports ${messageSchemaVersion}.`,
      { schemaVersion: draft.schemaVersion, known: [messageSchemaVersion] },
    );
  }
  assertSize(draft);
  assertReply(draft, repliedTo);
  return {
    ...draft,
    correlationId: draft.correlationId ?? correlationOf(draft, repliedTo),
    state: 'queued',
    attempt: 0,
    via: null,
    agentAttempt: null,
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

function assertSize({ subject, body }: MessageDraft): void {
  const tooLong =
    body.length > maxMessageBody
      ? `The text of a message has ${body.length} characters: at most ${maxMessageBody} are possible. Write it into a file of the project or of the session's context, and name the file in the message.`
      : `The subject of a message has ${subject.length} characters: at most ${maxMessageSubject} are possible. Put the rest into its text.`;
  if (body.length > maxMessageBody || subject.length > maxMessageSubject) throw invalid(tooLong);
  if (body.includes('\0') || subject.includes('\0')) {
    throw invalid(
      'A message must not contain a NUL character: write what is binary into a file, and name the file.',
    );
  }
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
  const more = ['replyTo', 'broadcastId', 'maxAttempts', 'expiresAt'] as const;
  return (
    [...keys, ...more].every((key) => stored[key] === sent[key]) &&
    (stored.broadcastId !== null || (stored.id === sent.id && stored.to === sent.to)) &&
    stored.correlationId === sent.correlationId
  );
}

function invalid(message: string, details: Readonly<Record<string, unknown>> = {}): MaosError {
  return new MaosError('INVALID_INPUT', message, { details });
}
