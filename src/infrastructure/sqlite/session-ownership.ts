import type { Lease, SessionRequest } from '../../application/ports.ts';
import { sessionEvent } from '../../domain/events.ts';
import type { InstanceId, SessionId } from '../../domain/ids.ts';
import { isSessionEnded, type SessionState, sessionTransitions } from '../../domain/session.ts';
import { assertTransition } from '../../domain/transitions.ts';
import type { Database } from './open-database.ts';
import { readSession, sessionNotFound } from './workflow-reader.ts';
import { appendEvents } from './workflow-writer.ts';

/** Who may change a session, and what others ask of the one who may. */

const beat = `INSERT INTO owners (instance_id, heartbeat_at) VALUES (?, ?)
  ON CONFLICT (instance_id) DO UPDATE SET heartbeat_at = excluded.heartbeat_at`;
const selectOwner = `SELECT owner_id, owner_epoch, heartbeat_at FROM sessions
  LEFT JOIN owners ON instance_id = owner_id WHERE id = ?`;
const takeOver = `UPDATE sessions SET owner_id = ?, owner_epoch = owner_epoch + 1
  WHERE id = ? AND owner_epoch = ? AND owner_id IS ?`;
const letGo = 'UPDATE sessions SET owner_id = NULL WHERE id = ? AND owner_id = ? AND owner_epoch = ?';
const forgetOwners = `DELETE FROM owners WHERE heartbeat_at < ?
  AND NOT EXISTS (SELECT 1 FROM sessions WHERE owner_id = instance_id)`;

const unfinishedStates: readonly SessionState[] = ['created', 'running'];
const selectUnfinished = `SELECT id, owner_id, state FROM sessions
  WHERE state IN (${unfinishedStates.map((state) => `'${state}'`).join(', ')}) ORDER BY id`;

const selectDesired = 'SELECT desired FROM sessions WHERE id = ?';
const setDesired = 'UPDATE sessions SET desired = ?, desired_reason = ? WHERE id = ?';
const selectRequests = `SELECT id, desired, desired_reason FROM sessions
  WHERE owner_id = ? AND desired IS NOT NULL ORDER BY id`;

/** To be called inside a write transaction. */
export function putHeartbeat(db: Database, owner: InstanceId, at: string): void {
  db.sql(beat).run(owner, at);
}

/** @throws MaosError SESSION_NOT_FOUND */
export function acquireSession(
  db: Database,
  id: SessionId,
  owner: InstanceId,
  when: { staleBefore: string; knownDead?: InstanceId },
  at: string,
): Lease | null {
  return db.write(() => {
    const row = db.sql(selectOwner).get(id);
    if (row === undefined) throw sessionNotFound(id);
    const holder = row.owner_id as InstanceId | null;
    const heartbeat = row.heartbeat_at as string | null;
    const free =
      holder === null || holder === when.knownDead || heartbeat === null || heartbeat < when.staleBefore;
    if (!free) return null;
    const epoch = row.owner_epoch as number;
    putHeartbeat(db, owner, at);
    db.sql(takeOver).run(owner, id, epoch, holder);
    db.sql(forgetOwners).run(when.staleBefore);
    return { sessionId: id, owner, epoch: epoch + 1 };
  });
}

/** A lease lost already is let go of without a word. */
export function releaseSession(db: Database, { sessionId, owner, epoch }: Lease): void {
  db.run(() => db.sql(letGo).run(sessionId, owner, epoch));
}

/** @throws MaosError SESSION_NOT_FOUND */
export function readOwner(db: Database, id: SessionId): InstanceId | null {
  const row = db.run(() => db.sql(selectOwner).get(id));
  if (row === undefined) throw sessionNotFound(id);
  return row.owner_id as InstanceId | null;
}

export function readUnfinished(
  db: Database,
): readonly { sessionId: SessionId; owner: InstanceId | null; state: SessionState }[] {
  return db.run(() =>
    db
      .sql(selectUnfinished)
      .all()
      .map((row) => ({
        sessionId: row.id as SessionId,
        owner: row.owner_id as InstanceId | null,
        state: row.state as SessionState,
      })),
  );
}

/**
 * Asking again for what is asked for already changes nothing and makes no second event.
 * @throws MaosError SESSION_NOT_FOUND, INVALID_TRANSITION when the session has ended
 */
export function putRequest(db: Database, request: SessionRequest, by: string, at: string): void {
  const { sessionId, desired, reason } = request;
  db.write(() => {
    const { state } = readSession(db, sessionId);
    if (isSessionEnded(state)) assertTransition(sessionTransitions, `Session ${sessionId}`, state, desired);
    if (db.sql(selectDesired).get(sessionId)?.desired === desired) return;
    db.sql(setDesired).run(desired, reason, sessionId);
    appendEvents(db, sessionId, [sessionEvent('session.cancel_requested', sessionId, at, { by, reason })]);
  });
}

export function readRequests(db: Database, owner: InstanceId): readonly SessionRequest[] {
  return db.run(() =>
    db
      .sql(selectRequests)
      .all(owner)
      .map(
        (row) => ({ sessionId: row.id, desired: row.desired, reason: row.desired_reason }) as SessionRequest,
      ),
  );
}
