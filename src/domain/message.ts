import { MaosError, quote } from './errors.ts';
import type { AgentId, MessageId, SessionId } from './ids.ts';
import type { MessageType } from './message-type.ts';
import type { TransitionTable } from './transitions.ts';

export const messageStates = ['queued', 'delivered', 'acknowledged', 'expired', 'dead'] as const;
export type MessageState = (typeof messageStates)[number];

export const messageTransitions: TransitionTable<MessageState> = {
  queued: ['delivered', 'expired', 'dead'],
  /** To `queued`: the recipient gave it back, or the lease expired. */
  delivered: ['queued', 'acknowledged', 'expired', 'dead'],
  acknowledged: [],
  expired: [],
  dead: [],
};

/**
 * How a message reaches its recipient. `live`: in the input of the working CLI; `tool`: with the result of one of the
 * agent's tools; `prompt`: in the prompt of its next start; `lease`: leased to a program that acknowledges it.
 */
export const deliveryWays = ['live', 'tool', 'prompt', 'lease'] as const;
export type DeliveryWay = (typeof deliveryWays)[number];
/** The ways into an agent's conversation. A message there cannot be taken back, so it has no lease that could expire. */
export type ConversationWay = Exclude<DeliveryWay, 'lease'>;

/** Version of the message format; messages of other versions are rejected. */
export const messageSchemaVersion = 1;

/** Maximum number of deliveries before a message is dead, unless its sender sets another. */
export const defaultMaxAttempts = 5;
/** Maximum number of messages that wait for one recipient, including leased ones. */
export const maxWaitingMessages = 10_000;
/** Maximum length of a body, in characters. */
export const maxMessageBody = 65_536;
export const maxMessageSubject = 200;
/** How many times in a row two agents may answer each other before someone else must write to one of them. */
export const maxExchange = 40;

/** Limits for one recipient, one sender, and two agents that write to each other. */
export interface MessageLimits {
  readonly maxWaiting: number;
  /** Null: no limit. */
  readonly perMinute: number | null;
  readonly maxExchange: number;
}

/** The fields that a sender sets. */
export interface MessageDraft {
  readonly id: MessageId;
  readonly sessionId: SessionId;
  /** Null: from outside the team. */
  readonly from: AgentId | null;
  readonly to: AgentId | null;
  readonly type: MessageType;
  readonly subject: string;
  readonly body: string;
  readonly contentType: string;
  readonly schemaVersion: number;
  /** Shared by a request and all messages that belong to it. Null: a notification that belongs to none. */
  readonly correlationId: string | null;
  readonly replyTo: MessageId | null;
  /** The broadcast that it belongs to; null: none. */
  readonly broadcastId: MessageId | null;
  readonly maxAttempts: number;
  /** It is not delivered after this time. */
  readonly expiresAt: string | null;
}

export interface Message extends MessageDraft {
  readonly state: MessageState;
  /** Number of deliveries. The recipient acknowledges the current delivery by this number. */
  readonly attempt: number;
  /**
   * The way of its last delivery. In state `queued`, the way that it is claimed for, so that no other way delivers it;
   * null: not claimed.
   */
  readonly via: DeliveryWay | null;
  /** The recipient's attempt that it is claimed for, or was seen in; null for a lease. */
  readonly agentAttempt: number | null;
  readonly queuedAt: string;
  /** In state `queued`: it is not delivered before this time. */
  readonly availableAt: string | null;
  /** Time of the last delivery. */
  readonly deliveredAt: string | null;
  /** While leased: it is queued again unless it is acknowledged by this time. */
  readonly leaseUntil: string | null;
  readonly acknowledgedAt: string | null;
  readonly deadAt: string | null;
  readonly deadReason: string | null;
  /** Why the last delivery failed; null: none has failed. */
  readonly lastTrouble: string | null;
}

/**
 * A message in its first state.
 * @param repliedTo the message that it answers, if it names one
 * @throws MaosError INVALID_INPUT for another schema version, for a text that is too long, and for an invalid reply
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

/** A broadcast's id, so that the answers to all of its requests belong together. */
function correlationOf({ id, type, broadcastId }: MessageDraft, repliedTo: Message | null): string | null {
  return repliedTo?.correlationId ?? (type === 'request' ? (broadcastId ?? id) : null);
}

/** A response must answer a request, go from its recipient back to its sender, and have its correlation id. */
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
 * Whether a message that is sent again with the same id equals the stored one. For a broadcast, the recipient does not
 * count: its recipients are those of the first time.
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
