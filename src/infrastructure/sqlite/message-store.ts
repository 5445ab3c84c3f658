import type { MessageStore } from '../../application/ports/messages.ts';
import type { AgentId, MessageId } from '../../domain/ids.ts';
import type { Message } from '../../domain/message.ts';
import { answerMessage, claimMessage, releaseMessage } from '../../domain/message-delivery.ts';
import { assertNoLoop, assertOpen, assertPace, assertReceives, assertRoom } from './message-limits.ts';
import { idsQuery, listQuery } from './message-query.ts';
import {
  appendMessageEvents,
  insertMessage,
  messageTable,
  moveMessages,
  selectMessages,
} from './message-rows.ts';
import type { Database } from './open-database.ts';

const selectOne = `${selectMessages} WHERE id = ?`;
const selectSent = `${selectMessages} WHERE id = ? UNION ALL ${selectMessages} WHERE broadcast_id = ?`;
const due = "recipient_id IS ? AND state = 'queued' AND via IS NULL AND available_at <= ?";
const selectDue = `${selectMessages} WHERE session_id = ? AND ${due} ORDER BY available_at, place LIMIT ?`;
const anyDue = `SELECT 1 FROM messages WHERE session_id = ? AND ${due} LIMIT 1`;
/**
 * To keep the order of each sender's messages, selects only those before its first message that is not due yet or
 * claimed for another way.
 */
const selectClaimable = `WITH
  queue AS (SELECT place, sender_id, via, available_at FROM messages WHERE recipient_id = :agent AND state = 'queued'),
  held AS (SELECT sender_id, min(place) AS first FROM queue
    WHERE available_at > :at OR via <> :via GROUP BY sender_id)
  ${selectMessages} WHERE recipient_id = :agent AND state = 'queued' AND via IS NULL AND available_at <= :at
    AND NOT EXISTS (SELECT 1 FROM held WHERE held.sender_id IS messages.sender_id AND held.first < messages.place)
  ORDER BY place LIMIT :max`;
const selectOnTheirWay = `${selectMessages} WHERE recipient_id = ? AND state = 'queued' AND via IS NOT NULL ORDER BY place`;
const overdue = "(lease_until <= ? OR (state = 'queued' AND via IS NULL AND expires_at <= ?))";
const anyExpired = `SELECT 1 FROM messages WHERE ${overdue} LIMIT 1`;
const selectExpired = `${selectMessages} WHERE ${overdue} ORDER BY place LIMIT ?`;
const selectNextDue = `SELECT min(at) AS at FROM (
  SELECT min(available_at) AS at FROM messages
    WHERE session_id = ? AND recipient_id IS ? AND state = 'queued' AND via IS NULL
  UNION ALL
  SELECT min(lease_until) FROM messages WHERE session_id = ? AND recipient_id IS ? AND state = 'delivered')`;
const countStates = 'SELECT state, count(*) AS messages FROM messages WHERE session_id = ? GROUP BY state';
const countOutside =
  "SELECT count(*) AS messages FROM messages WHERE session_id = ? AND recipient_id IS NULL AND state = 'queued'";
const anyUnrecorded = 'SELECT 1 FROM messages WHERE recipient_id = ? AND recorded < revision LIMIT 1';
const selectUnrecorded = `${selectMessages} WHERE recipient_id = ? AND recorded < revision ORDER BY id LIMIT ?`;
const markRecorded = 'UPDATE messages SET recorded = revision WHERE id = ?';

/** Messages written to a journal while its lock is held. */
const journalBatch = 500;

export function makeMessageStore(db: Database): MessageStore {
  const find = (id: MessageId): Message | null => {
    const row = db.sql(selectOne).get(id);
    return row === undefined ? null : messageTable.fromSql(row);
  };

  const onTheirWay = (agentId: AgentId): readonly Message[] =>
    db.sql(selectOnTheirWay).all(agentId).map(messageTable.fromSql);

  /** An agent that answers a message has received it. */
  function acknowledgeAnswered(answers: readonly Message[], at: string): void {
    for (const id of new Set(answers.map(({ replyTo }) => replyTo))) {
      const answered = id === null ? null : find(id);
      if (answered === null || answered.to !== answers[0]?.from) continue;
      moveMessages(db, [answered], (message) => answerMessage(message, at), at);
    }
  }

  return {
    add: (id, messages, limits, at) =>
      db.write(() => {
        const stored = db.sql(selectSent).all(id, id).map(messageTable.fromSql);
        if (stored.length > 0) return stored;
        for (const sessionId of new Set(messages.map((message) => message.sessionId))) {
          assertOpen(db, sessionId);
          assertPace(db, messages, limits, at);
          for (const message of messages) {
            assertReceives(db, message);
            assertNoLoop(db, message, limits);
            db.sql(insertMessage).run(...messageTable.toSql(message));
            assertRoom(db, message, limits.maxWaiting);
          }
          appendMessageEvents(db, sessionId, messages, at);
        }
        acknowledgeAnswered(messages, at);
        return null;
      }),

    take({ sessionId, agentId }, max, move, at) {
      // Most looks find nothing, and need not keep the other writers waiting.
      if (db.run(() => db.sql(anyDue).get(sessionId, agentId, at)) === undefined) return [];
      return db.write(() => {
        const messages = db.sql(selectDue).all(sessionId, agentId, at, max).map(messageTable.fromSql);
        return moveMessages(db, messages, move, at);
      });
    },

    hasDue: ({ sessionId, agentId }, at) =>
      db.run(() => db.sql(anyDue).get(sessionId, agentId, at)) !== undefined,

    claim({ sessionId, agentId }, attempt, via, max, at) {
      if (db.run(() => db.sql(anyDue).get(sessionId, agentId, at)) === undefined) return [];
      return db.write(() => {
        // Earlier attempts have ended.
        const earlier = onTheirWay(agentId).filter(({ agentAttempt }) => (agentAttempt ?? 0) < attempt);
        moveMessages(db, earlier, (message) => releaseMessage(message, message.agentAttempt ?? 0), at);
        const claimable = db
          .sql(selectClaimable)
          .all({ agent: agentId, via, at, max })
          .map(messageTable.fromSql);
        return moveMessages(db, claimable, (message) => claimMessage(message, attempt, via), at);
      });
    },

    onTheirWay: (agentId) => db.run(() => onTheirWay(agentId)),

    changeOnTheirWay: (agentId, move, at) =>
      db.write(() => {
        const before = onTheirWay(agentId);
        return moveMessages(db, before, move, at).filter((message, index) => message !== before[index]);
      }),

    change: (id, move, at) =>
      db.write(() => {
        const message = find(id);
        return message === null ? null : (moveMessages(db, [message], move, at)[0] ?? null);
      }),

    changeExpired(move, at, max) {
      if (db.run(() => db.sql(anyExpired).get(at, at)) === undefined) return [];
      return db.write(() => {
        const overdue = db.sql(selectExpired).all(at, at, max).map(messageTable.fromSql);
        return moveMessages(db, overdue, move, at);
      });
    },

    find: (id) => db.run(() => find(id)),

    findByText(text, limit) {
      const query = idsQuery(text, limit);
      if (query === null) return [];
      return db.run(() =>
        db
          .sql(query.sql)
          .all(...query.values)
          .map(({ id }) => id as MessageId),
      );
    },

    list: (query) =>
      db.run(() => {
        const { sql, values } = listQuery(query);
        return db
          .sql(sql)
          .all(...values)
          .map(messageTable.fromSql);
      }),

    counts: (sessionId) =>
      db.run(() =>
        Object.fromEntries(
          db
            .sql(countStates)
            .all(sessionId)
            .map(({ state, messages }) => [state, messages]),
        ),
      ),

    waitingOutside: (sessionId) => db.run(() => Number(db.sql(countOutside).get(sessionId)?.messages ?? 0)),

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
