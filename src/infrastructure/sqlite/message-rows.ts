import { type Agent, type AgentState, type FailureKind, isAgentEnded } from '../../domain/agent.ts';
import type { AgentId, SessionId } from '../../domain/ids.ts';
import { showName } from '../../domain/invisible-marks.ts';
import { type Message, type MessageDraft, messageStates } from '../../domain/message.ts';
import { buryMessage, messageEvent } from '../../domain/message-delivery.ts';
import { messageTypes } from '../../domain/message-type.ts';
import { isSessionEnded } from '../../domain/session.ts';
import { inState } from '../../domain/state-words.ts';
import type { Database } from './open-database.ts';
import { choice, type Fields, integer, nullable, table, text, time } from './table.ts';
import { readSession } from './workflow-reader.ts';
import { appendEvents } from './workflow-writer.ts';

/** Fields that are fixed when a message is sent. */
const sent: Fields<MessageSent> = {
  id: text('id'),
  sessionId: text('session_id'),
  from: nullable(text('sender_id')),
  to: nullable(text('recipient_id')),
  replyTo: nullable(text('reply_to')),
  broadcastId: nullable(text('broadcast_id')),
  correlationId: nullable(text('correlation_id')),
  type: choice('type', messageTypes),
  schemaVersion: integer('schema_version'),
  maxAttempts: integer('max_attempts'),
  queuedAt: time('queued_at'),
  expiresAt: nullable(time('expires_at')),
  contentType: text('content_type'),
  subject: text('subject'),
  body: text('body'),
};

/** Fields that deliveries change. */
const way: Fields<Omit<Message, keyof MessageSent>> = {
  state: choice('state', messageStates),
  attempt: integer('attempt'),
  via: nullable(text('via')),
  agentAttempt: nullable(integer('agent_attempt')),
  availableAt: nullable(time('available_at')),
  deliveredAt: nullable(time('delivered_at')),
  leaseUntil: nullable(time('lease_until')),
  acknowledgedAt: nullable(time('acknowledged_at')),
  deadAt: nullable(time('dead_at')),
  deadReason: nullable(text('dead_reason')),
  lastTrouble: nullable(text('last_trouble')),
};

type MessageSent = MessageDraft & Pick<Message, 'queuedAt'>;

/** `place` is the order in which messages were stored; `revision` and `recorded` belong to the journal. */
export const messageTable = table<Message>({ ...sent, ...way }, (row) => `Message ${row.id}`);
const wayTable = table(way, (row) => `Message ${row.id}`);
export const selectMessages = `SELECT ${messageTable.columns} FROM messages`;
export const insertMessage = `INSERT INTO messages (${messageTable.columns}, revision, recorded)
  VALUES (${messageTable.placeholders}, 1, 0)`;
const update = `UPDATE messages SET ${wayTable.assignments}, revision = revision + 1 WHERE id = ?`;

const selectQueuedFor = `${selectMessages} WHERE recipient_id = ? AND state = 'queued' ORDER BY place`;
const selectRecipient = 'SELECT name, state, failure_kind AS kind FROM agents WHERE id = ?';

/** Call every function below inside a transaction. */

export function appendMessageEvents(
  db: Database,
  sessionId: SessionId,
  messages: readonly Message[],
  at: string,
): void {
  // An ended session's log is closed: no owner is left that would write session.log.
  if (messages.length === 0 || isSessionEnded(readSession(db, sessionId).state)) return;
  const events = messages.map((message) => messageEvent(message, at));
  appendEvents(db, sessionId, events);
}

/**
 * Changes messages and stores them, with an event for each change of state. A message that would wait for an ended
 * agent becomes dead instead.
 * @returns all of them in their new state
 */
export function moveMessages(
  db: Database,
  before: readonly Message[],
  move: (message: Message) => Message,
  at: string,
): Message[] {
  const after = before.map((message) => {
    const moved = move(message);
    return moved === message ? message : buriedIfOver(db, moved, at);
  });
  const changed = after.filter((message, index) => message !== before[index]);
  for (const message of changed) db.sql(update).run(...wayTable.toSql(message), message.id);
  const told = after.filter((message, index) => message.state !== before[index]?.state);
  for (const id of new Set(told.map(({ sessionId }) => sessionId))) {
    appendMessageEvents(
      db,
      id,
      told.filter(({ sessionId }) => sessionId === id),
      at,
    );
  }
  return after;
}

/** How the recipient ended; null while it can receive. */
export function endOfRecipient(db: Database, id: AgentId): string | null {
  const row = db.sql(selectRecipient).get(id);
  if (row === undefined) return null;
  const { name, state, kind } = row as { name: string; state: AgentState; kind: FailureKind | null };
  return isAgentEnded(state) ? describeEnd(name, state, kind) : null;
}

/** Marks the messages that wait for ended agents as dead, with how the agent ended as the reason. */
export function buryUndelivered(db: Database, ended: readonly Agent[], at: string): void {
  for (const { id, name, state, failure } of ended) {
    const waiting = db.sql(selectQueuedFor).all(id).map(messageTable.fromSql);
    const end = describeEnd(name, state, failure?.kind ?? null);
    moveMessages(db, waiting, (message) => buryMessage(message, end, at), at);
  }
}

function buriedIfOver(db: Database, message: Message, at: string): Message {
  const end = message.to === null || message.state !== 'queued' ? null : endOfRecipient(db, message.to);
  return end === null ? message : buryMessage(message, end, at);
}

function describeEnd(name: string, state: AgentState, kind: FailureKind | null): string {
  return `${showName(name)} ${inState(state)}${kind === null ? '' : ` (${kind})`}`;
}
