import type { SQLInputValue } from 'node:sqlite';
import type { MessageQuery, MessageStore } from '../../application/ports/messages.ts';
import { MaosError } from '../../domain/errors.ts';
import type { MessageId, SessionId } from '../../domain/ids.ts';
import { type Message, type MessageDraft, messageEvent, messageStates } from '../../domain/message.ts';
import { messageTypes } from '../../domain/message-type.ts';
import { isSessionEnded } from '../../domain/session.ts';
import type { Database } from './open-database.ts';
import { choice, type Fields, integer, nullable, table, text, time } from './table.ts';
import { readSession } from './workflow-reader.ts';
import { appendEvents } from './workflow-writer.ts';

/** What a message is sent with. */
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
  contentType: text('content_type'),
  subject: text('subject'),
  body: text('body'),
};

/** What its way changes. */
const way: Fields<Omit<Message, keyof MessageSent>> = {
  state: choice('state', messageStates),
  attempt: integer('attempt'),
  availableAt: nullable(time('available_at')),
  deliveredAt: nullable(time('delivered_at')),
  leaseUntil: nullable(time('lease_until')),
  acknowledgedAt: nullable(time('acknowledged_at')),
  deadAt: nullable(time('dead_at')),
  deadReason: nullable(text('dead_reason')),
  lastTrouble: nullable(text('last_trouble')),
};

type MessageSent = MessageDraft & Pick<Message, 'queuedAt'>;

/** `revision` and `recorded` belong to the journal. */
const messageTable = table<Message>({ ...sent, ...way }, (row) => `Message ${row.id}`);
const wayTable = table(way, (row) => `Message ${row.id}`);
const select = `SELECT ${messageTable.columns} FROM messages`;
const insert = `INSERT INTO messages (${messageTable.columns}, revision, recorded)
  VALUES (${messageTable.placeholders}, 1, 0)`;
const update = `UPDATE messages SET ${wayTable.assignments}, revision = revision + 1 WHERE id = ?`;

const selectOne = `${select} WHERE id = ?`;
const selectSent = `${select} WHERE id = ? UNION ALL ${select} WHERE broadcast_id = ?`;
const selectDue = `${select} WHERE session_id = ? AND recipient_id IS ? AND state = 'queued' AND available_at <= ?
  ORDER BY available_at, id LIMIT ?`;
const anyExpired = 'SELECT 1 FROM messages WHERE lease_until <= ? LIMIT 1';
const selectExpired = `${select} WHERE lease_until <= ? ORDER BY lease_until LIMIT ?`;
const selectNextDue = `SELECT min(at) AS at FROM (
  SELECT min(available_at) AS at FROM messages WHERE session_id = ? AND recipient_id IS ? AND state = 'queued'
  UNION ALL
  SELECT min(lease_until) FROM messages WHERE session_id = ? AND recipient_id IS ? AND state = 'delivered')`;
const countWaiting = `SELECT count(*) AS waiting FROM messages
  WHERE session_id = ? AND recipient_id IS ? AND state IN ('queued', 'delivered')`;
const anyUnrecorded = 'SELECT 1 FROM messages WHERE recipient_id = ? AND recorded < revision LIMIT 1';
const selectUnrecorded = `${select} WHERE recipient_id = ? AND recorded < revision ORDER BY id LIMIT ?`;
const markRecorded = 'UPDATE messages SET recorded = revision WHERE id = ?';

/** Messages written to a journal while its lock is held. */
const journalBatch = 500;

export function makeMessageStore(db: Database): MessageStore {
  /** To be called inside a write transaction. */
  function append(sessionId: SessionId, messages: readonly Message[], at: string): void {
    // The log of a session that has ended is closed: nobody would bring session.log after the table.
    if (messages.length === 0 || isSessionEnded(readSession(db, sessionId).state)) return;
    appendEvents(
      db,
      sessionId,
      messages.map((message) => messageEvent(message, at)),
    );
  }

  /** To be called inside a write transaction. */
  function store(before: readonly Message[], move: (message: Message) => Message, at: string): Message[] {
    const after = before.map(move);
    const changed = after.filter((message, index) => message !== before[index]);
    for (const message of changed) db.sql(update).run(...wayTable.toSql(message), message.id);
    for (const id of new Set(changed.map(({ sessionId }) => sessionId))) {
      append(
        id,
        changed.filter(({ sessionId }) => sessionId === id),
        at,
      );
    }
    return after;
  }

  const find = (id: MessageId): Message | null => {
    const row = db.sql(selectOne).get(id);
    return row === undefined ? null : messageTable.fromSql(row);
  };

  return {
    add: (id, messages, maxWaiting, at) =>
      db.write(() => {
        const stored = db.sql(selectSent).all(id, id).map(messageTable.fromSql);
        if (stored.length > 0) return stored;
        for (const sessionId of new Set(messages.map((message) => message.sessionId))) {
          assertOpen(db, sessionId);
          for (const message of messages) {
            db.sql(insert).run(...messageTable.toSql(message));
            assertRoom(db, message, maxWaiting);
          }
          append(sessionId, messages, at);
        }
        return null;
      }),

    take(recipient, max, move, at) {
      const due: readonly [string, string | null, string] = [recipient.sessionId, recipient.agentId, at];
      // Most looks find nothing, and need not keep the other writers waiting.
      if (db.run(() => db.sql(selectDue).get(...due, 1)) === undefined) return [];
      return db.write(() => {
        const messages = db
          .sql(selectDue)
          .all(...due, max)
          .map(messageTable.fromSql);
        return store(messages, move, at);
      });
    },

    change: (id, move, at) =>
      db.write(() => {
        const message = find(id);
        return message === null ? null : (store([message], move, at)[0] ?? null);
      }),

    changeExpired(move, at, max) {
      if (db.run(() => db.sql(anyExpired).get(at)) === undefined) return [];
      return db.write(() => store(db.sql(selectExpired).all(at, max).map(messageTable.fromSql), move, at));
    },

    find: (id) => db.run(() => find(id)),

    list: (query) =>
      db.run(() => {
        const { sql, values } = listQuery(query);
        return db
          .sql(sql)
          .all(...values)
          .map(messageTable.fromSql);
      }),

    nextDue: ({ sessionId, agentId }) =>
      db.run(() => {
        const row = db.sql(selectNextDue).get(sessionId, agentId, sessionId, agentId);
        return (row?.at ?? null) as string | null;
      }),

    journal({ sessionId, agentId }, to) {
      const lacks = () => db.run(() => db.sql(anyUnrecorded).get(agentId)) !== undefined;
      let goesOn = lacks();
      while (goesOn) {
        const written = db.write(() => {
          const messages = db.sql(selectUnrecorded).all(agentId, journalBatch).map(messageTable.fromSql);
          if (messages.length === 0 || !to.append(sessionId, agentId, messages)) return false;
          for (const { id } of messages) db.sql(markRecorded).run(id);
          return true;
        });
        goesOn = written && lacks();
      }
    },
  };
}

/** The filters are few and fixed, so the statements are, too. */
function listQuery(query: MessageQuery): { readonly sql: string; readonly values: readonly SQLInputValue[] } {
  const filters: readonly (readonly [sql: string, value: SQLInputValue | undefined])[] = [
    ['session_id = ?', query.sessionId],
    ['recipient_id IS ?', query.to],
    ['state = ?', query.state],
    ['type = ?', query.type],
    ['correlation_id = ?', query.correlationId],
    ['id < ?', query.before],
  ];
  const given = filters.flatMap(([sql, value]) => (value === undefined ? [] : [{ sql, value }]));
  return {
    sql: `${select} WHERE ${given.map(({ sql }) => sql).join(' AND ')} ORDER BY id DESC LIMIT ?`,
    values: [...given.map(({ value }) => value), query.limit],
  };
}

/** @throws MaosError SESSION_NOT_FOUND, INVALID_TRANSITION */
function assertOpen(db: Database, id: SessionId): void {
  const { state } = readSession(db, id);
  if (!isSessionEnded(state)) return;
  throw new MaosError(
    'INVALID_TRANSITION',
    `Session ${id} is ${state}: it has no agent left to receive a message.`,
    { details: { sessionId: id, state } },
  );
}

function assertRoom(db: Database, { sessionId, to }: Message, limit: number): void {
  const waiting = Number(db.sql(countWaiting).get(sessionId, to)?.waiting);
  if (waiting <= limit) return;
  throw new MaosError(
    'RESOURCE_LIMIT_EXCEEDED',
    `${limit} messages are waiting for ${to ?? 'outside the team'}. Acknowledge some before sending more.`,
    { details: { recipient: to, limit } },
  );
}
