import type {
  FailedNotification,
  NotificationStore,
  WaitingNotification,
} from '../../application/ports/notifications.ts';
import { type EventType, type RecordedEvent, sessionEvent } from '../../domain/events.ts';
import type { InstanceId } from '../../domain/ids.ts';
import type { OutsideWay } from '../../domain/notification.ts';
import { isSessionEnded } from '../../domain/session.ts';
import type { Database } from './open-database.ts';
import type { Row } from './table.ts';
import { readSession } from './workflow-reader.ts';
import { appendEvents, assertLease } from './workflow-writer.ts';

/** The ways in which events of a type are sent. */
export type NotifyBy = (type: EventType) => readonly OutsideWay[];

const insert = 'INSERT INTO notifications (session_id, seq, way, due_at) VALUES (?, ?, ?, ?)';
const columns = 'session_id, seq, way, tries, reason, failed_at';
const ofSessions = 'FROM notifications JOIN sessions ON sessions.id = session_id';
const holder = 'coalesce(claimed_by, owner_id)';
const isMine = `(${holder} IS NULL OR ${holder} = ? OR ${holder} IN (SELECT value FROM json_each(?)))`;
const anyWaiting = 'SELECT 1 FROM notifications WHERE failed_at IS NULL LIMIT 1';
const selectHolders = `SELECT DISTINCT ${holder} AS holder ${ofSessions}
  WHERE failed_at IS NULL AND ${holder} <> ?`;
const selectDue = `SELECT ${columns} ${ofSessions}
  WHERE failed_at IS NULL AND due_at <= ? AND ${isMine} ORDER BY due_at LIMIT ?`;
const selectNextDue = `SELECT min(due_at) AS due ${ofSessions} WHERE failed_at IS NULL AND ${isMine}`;
const one = 'session_id = ? AND seq = ? AND way = ?';
const setClaimed = `UPDATE notifications SET claimed_by = ? WHERE ${one}`;
const setDue = `UPDATE notifications SET tries = tries + 1, due_at = ?, reason = ? WHERE ${one}`;
const setFailed = `UPDATE notifications SET tries = ?, failed_at = ?, reason = ?, claimed_by = NULL
  WHERE ${one} AND failed_at IS NULL`;
const deleteOne = `DELETE FROM notifications WHERE ${one}`;
const releaseAll = 'UPDATE notifications SET claimed_by = NULL WHERE claimed_by = ? AND failed_at IS NULL';
const selectFailed = `SELECT ${columns} FROM notifications
  WHERE failed_at >= ? ORDER BY failed_at DESC LIMIT ?`;

/** Call inside the transaction that stores the events. */
export function insertNotifications(
  db: Database,
  events: readonly RecordedEvent[],
  notifyBy: NotifyBy,
): void {
  for (const { sessionId, seq, type, at } of events) {
    for (const way of notifyBy(type)) db.sql(insert).run(sessionId, seq, way, at);
  }
}

export function makeNotificationStore(db: Database): NotificationStore {
  const keyOf = ({ sessionId, seq, way }: WaitingNotification) => [sessionId, seq, way] as const;
  const isEmpty = (): boolean => db.run(() => db.sql(anyWaiting).get()) === undefined;
  return {
    holders: (except) =>
      isEmpty()
        ? []
        : db.run(() =>
            db
              .sql(selectHolders)
              .all(except)
              .map((row) => row.holder as InstanceId),
          ),

    claim(by, gone, at, max) {
      const mine: readonly [string, string, string, number] = [at, by, JSON.stringify(gone), max];
      // Most looks find nothing, and need not keep the other writers waiting.
      if (isEmpty() || db.run(() => db.sql(selectDue).get(...mine)) === undefined) return [];
      return db.write(() => {
        const due = db
          .sql(selectDue)
          .all(...mine)
          .map(waitingOf);
        for (const notification of due) db.sql(setClaimed).run(by, ...keyOf(notification));
        return due;
      });
    },

    nextDue: (by, gone) =>
      isEmpty()
        ? null
        : db.run(
            () => (db.sql(selectNextDue).get(by ?? '', JSON.stringify(gone))?.due ?? null) as string | null,
          ),

    remove: (notification) => db.write(() => void db.sql(deleteOne).run(...keyOf(notification))),

    postpone: (notification, dueAt, reason) =>
      db.write(() => void db.sql(setDue).run(dueAt, reason, ...keyOf(notification))),

    fail: (notification, { id, kind, tries, reason, at }, lease) =>
      db.write(() => {
        const { sessionId, way } = notification;
        if (isSessionEnded(readSession(db, sessionId).state)) {
          if (lease === null) return false;
          assertLease(db, lease);
        }
        const { changes } = db.sql(setFailed).run(tries, at, reason, ...keyOf(notification));
        // Another instance, which took this one for gone, may have done it.
        if (changes === 0) return true;
        const data = { id, kind, way, tries, reason };
        appendEvents(db, sessionId, [sessionEvent('notification.failed', sessionId, at, data)]);
        return true;
      }),

    release: (by) => db.write(() => void db.sql(releaseAll).run(by)),

    failures: (since, limit) =>
      db.run(() =>
        db
          .sql(selectFailed)
          .all(since, limit)
          .map((row): FailedNotification => ({ ...waitingOf(row), failedAt: String(row.failed_at) })),
      ),
  };
}

function waitingOf(row: Row): WaitingNotification {
  const { session_id: sessionId, seq, way, tries, reason } = row;
  return { sessionId, seq, way, tries, reason } as WaitingNotification;
}
