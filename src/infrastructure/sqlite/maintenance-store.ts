import type { HashedEvent, MaintenanceStore, SessionAge } from '../../application/ports/maintenance.ts';
import type { Lease } from '../../application/ports/ownership.ts';
import type { ArtifactRecord } from '../../application/ports/session-summary.ts';
import { MaosError } from '../../domain/errors.ts';
import { type RecordedEvent, sessionEvent } from '../../domain/events.ts';
import type { SessionId } from '../../domain/ids.ts';
import type { SessionState } from '../../domain/session.ts';
import type { Workflow } from '../../domain/workflow.ts';
import { eventHash } from './event-hash.ts';
import type { Database } from './open-database.ts';
import { putHeartbeat } from './session-ownership.ts';
import type { Row } from './table.ts';
import { eventTable } from './tables.ts';
import { findSessionWithKey } from './workflow-reader.ts';
import { appendEvents, assertLease, insertArtifacts, insertWorkflow } from './workflow-writer.ts';

const ended = "('completed', 'failed', 'cancelled')";

const selectHash = 'SELECT hash FROM events WHERE session_id = ? AND seq = ?';
const selectHashed = `SELECT ${eventTable.columns}, hash FROM events
  WHERE session_id = ? AND seq > ? ORDER BY seq LIMIT ?`;
const putCheckpoint = `INSERT INTO checkpoints (session_id, seq, reason, path, created_at) VALUES (?, ?, ?, ?, ?)
  ON CONFLICT (session_id, seq) DO UPDATE SET reason = excluded.reason, created_at = excluded.created_at`;
const forgetCheckpoints = 'DELETE FROM checkpoints WHERE session_id = ? AND seq < ?';

/** Whether an owner with a recent heartbeat holds the session. */
const isOwned = `EXISTS (SELECT 1 FROM owners WHERE instance_id = owner_id AND heartbeat_at >= ?)`;
/** A session that has not ended works in the worktrees of the one that it lands. */
const isLanding = `id IN (SELECT json_extract(options, '$.landing') ->> '$.sessionId' FROM sessions
  WHERE state IN ('created', 'running', 'paused') AND json_extract(options, '$.landing') IS NOT NULL)`;
const selectAges = `SELECT id, state, created_at, ended_at,
  state NOT IN ${ended} OR ${isOwned} OR ${isLanding} AS live
  FROM sessions ORDER BY coalesce(ended_at, '~'), id`;
const deleteEnded = `DELETE FROM sessions WHERE id = ? AND state IN ${ended} AND NOT ${isOwned} AND NOT ${isLanding}`;
const selectState = 'SELECT state FROM sessions WHERE id = ?';
const insertProject =
  'INSERT INTO projects (hash, path, created_at) VALUES (?, ?, ?) ON CONFLICT (hash) DO NOTHING';

/** @param project the project of the database: SHA-256 (hex) of its canonical path, and the path */
export function makeMaintenanceStore(
  db: Database,
  project: { readonly hash: string; readonly path: string },
): MaintenanceStore {
  return {
    hashAt: (id, seq) => db.run(() => (db.sql(selectHash).get(id, seq)?.hash as string | undefined) ?? null),

    chainHash: eventHash,

    hashedEvents: (id, after, limit) =>
      db.run(() => db.sql(selectHashed).all(id, after, limit).map(hashedEventOf)),

    recordCheckpoint(lease, { seq, reason, path, at }, { keepFrom, announce }) {
      const { sessionId } = lease;
      db.write(() => {
        assertLease(db, lease);
        db.sql(putCheckpoint).run(sessionId, seq, reason, path, at);
        db.sql(forgetCheckpoints).run(sessionId, keepFrom);
        if (announce)
          appendEvents(db, sessionId, [sessionEvent('checkpoint.written', sessionId, at, { path, reason })]);
      });
    },

    sessionAges: (staleBefore) => db.run(() => db.sql(selectAges).all(staleBefore).map(ageOf)),

    removeEnded(ids, staleBefore, maxMs) {
      const until = performance.now() + maxMs;
      return db.write(() => {
        const removed: SessionId[] = [];
        let dealtWith = 0;
        for (const id of ids) {
          // Deletes at least one per call: a session that needs longer than the time limit would otherwise never be
          // removed.
          if (dealtWith > 0 && performance.now() >= until) break;
          dealtWith += 1;
          const { changes } = db.sql(deleteEnded).run(id, staleBefore);
          if (Number(changes) > 0) removed.push(id);
        }
        return { dealtWith, removed };
      });
    },

    exists: (id) => db.run(() => db.sql(selectState).get(id) !== undefined),

    restore(workflow, events, proof, owner, at) {
      const { id } = workflow.session;
      db.write(() => {
        assertAbsent(db, id);
        db.sql(insertProject).run(project.hash, project.path, at);
        putHeartbeat(db, owner, at);
        insertWorkflow(db, withoutTakenKey(db, workflow), project.hash, owner);
        appendEvents(db, id, events);
        const hash = db.sql(selectHash).get(id, proof.seq)?.hash;
        if (hash !== proof.hash) throw otherEvents(id, proof, hash !== undefined);
        insertArtifacts(db, id, artifactsOf(workflow, events));
        db.sql(putCheckpoint).run(id, proof.seq, proof.reason, proof.path, at);
        const data = { checkpoint: proof.path, events: events.length };
        appendEvents(db, id, [sessionEvent('session.recovered', id, at, data)]);
      });
      return { sessionId: id, owner, epoch: 1 } satisfies Lease;
    },
  };
}

/** While the store had lost the session, a request with its key may have started another one. */
function withoutTakenKey(db: Database, workflow: Workflow): Workflow {
  const { session } = workflow;
  const isTaken = session.idempotency !== null && findSessionWithKey(db, session.idempotency.key) !== null;
  return isTaken ? { ...workflow, session: { ...session, idempotency: null } } : workflow;
}

/**
 * The event as stored, by whichever version. Data that is not JSON is returned as text: then the hash does not match,
 * which reports the damage to a caller that verifies the chain.
 */
function hashedEventOf(row: Row): HashedEvent {
  const hash = String(row.hash);
  try {
    return { event: eventTable.fromSql(row) as RecordedEvent, hash };
  } catch {
    return {
      event: { ...eventTable.fromSql({ ...row, data: 'null' }), data: row.data } as RecordedEvent,
      hash,
    };
  }
}

function ageOf(row: Row): SessionAge {
  return {
    id: row.id as SessionId,
    state: row.state as SessionState,
    live: row.live === 1,
    createdAt: String(row.created_at),
    endedAt: row.ended_at as string | null,
  };
}

function assertAbsent(db: Database, id: SessionId): void {
  const row = db.sql(selectState).get(id);
  if (row === undefined) return;
  throw new MaosError(
    'INVALID_TRANSITION',
    `Session ${id} is in the store (${row.state}): there is nothing to recover.`,
    { details: { sessionId: id, state: row.state } },
  );
}

/** @param altered true when the log has a different record at this position, false when it ends before */
function otherEvents(
  id: SessionId,
  { path, seq }: { readonly seq: number; readonly path: string },
  altered: boolean,
): MaosError {
  const what = altered
    ? `contains other events than those before ${path} (up to ${seq}): one of the two was altered. Nothing was stored. Compare them; to use an older checkpoint and the log as it is, name it with --from-checkpoint.`
    : `ends before the last event of ${path} (${seq}): it was cut short.`;
  return new MaosError('STORE_CORRUPT', `session.log of ${id} ${what}`, {
    details: { sessionId: id, checkpoint: path, seq, altered },
  });
}

function artifactsOf({ agents }: Workflow, events: readonly RecordedEvent[]): readonly ArtifactRecord[] {
  return events.flatMap((event) => {
    if (event.type !== 'artifact.recorded') return [];
    const { path, sizeBytes, sha256, by, candidates } = event.data;
    const author = agents.find(({ id }) => id === by)?.id ?? null;
    return [{ path, sizeBytes, sha256, by: author, candidates, recordedAt: event.at }];
  });
}
