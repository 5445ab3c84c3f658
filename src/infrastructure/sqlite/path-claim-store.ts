import type { PathClaimStore } from '../../application/ports/path-claims.ts';
import type { SessionId } from '../../domain/ids.ts';
import type { HeldClaim, PathClaim, PathConflict } from '../../domain/path-claim.ts';
import { isSessionEnded } from '../../domain/session.ts';
import type { Database } from './open-database.ts';
import { integer, table, text, time } from './table.ts';
import { readSession } from './workflow-reader.ts';
import { appendEvents } from './workflow-writer.ts';

const claimTable = table<PathClaim>(
  {
    sessionId: text('session_id'),
    agentId: text('agent_id'),
    attempt: integer('attempt'),
    path: text('path'),
    reason: text('reason'),
    claimedAt: time('claimed_at'),
    expiresAt: time('expires_at'),
  },
  (row) => `Claim of ${row.agent_id}`,
);

const columns = claimTable.columns
  .split(', ')
  .map((name) => `path_claims.${name}`)
  .join(', ');
const selectActive = `SELECT ${columns}, agents.name AS agent_name, agents.role AS agent_role
  FROM path_claims JOIN agents ON agents.id = path_claims.agent_id
  WHERE expires_at > ? AND agents.state IN ('running', 'resumable')
    AND (path_claims.attempt = agents.attempt OR agents.resumed IS NOT NULL)
  ORDER BY path_claims.id`;
/** Keeps the row's id, because notices refer to it. */
const upsert = `INSERT INTO path_claims (${claimTable.columns}) VALUES (${claimTable.placeholders})
  ON CONFLICT (agent_id, path) DO UPDATE SET attempt = excluded.attempt, reason = excluded.reason,
    claimed_at = excluded.claimed_at, expires_at = excluded.expires_at`;
const remove = 'DELETE FROM path_claims WHERE agent_id = ? AND path = ?';
const removeExpired = 'DELETE FROM path_claims WHERE expires_at <= ?';
const selectNotice = `SELECT 1 FROM path_claim_notices AS notice JOIN path_claims ON path_claims.id = notice.claim_id
  WHERE path_claims.agent_id = ? AND path_claims.path = ?
    AND notice.agent_id = ? AND notice.attempt = ? AND notice.path = ?`;
const insertNotice = `INSERT INTO path_claim_notices (claim_id, agent_id, attempt, path)
  SELECT id, ?, ?, ? FROM path_claims WHERE agent_id = ? AND path = ? ON CONFLICT DO NOTHING`;

export function makePathClaimStore(db: Database): PathClaimStore {
  const active = (at: string): readonly HeldClaim[] =>
    db
      .sql(selectActive)
      .all(at)
      .map((row) => ({
        ...claimTable.fromSql(row),
        agent: String(row.agent_name),
        role: String(row.agent_role),
      }));

  return {
    active: (at) => db.run(() => active(at)),

    untold: (agentId, attempt, conflicts) =>
      db.run(() =>
        conflicts.filter(
          ({ path, held }: PathConflict) =>
            db.sql(selectNotice).get(held.agentId, held.path, agentId, attempt, path) === undefined,
        ),
      ),

    change: (at, decide) =>
      db.write(() => {
        db.sql(removeExpired).run(at);
        const change = decide(active(at));
        const { put = [], remove: removed = [], told, events } = change;
        for (const claim of put) db.sql(upsert).run(...claimTable.toSql(claim));
        for (const { agentId, path } of removed) db.sql(remove).run(agentId, path);
        for (const { path, held } of told?.of ?? []) {
          db.sql(insertNotice).run(
            told?.agentId ?? null,
            told?.attempt ?? null,
            path,
            held.agentId,
            held.path,
          );
        }
        for (const sessionId of new Set<SessionId>(events.map((event) => event.sessionId))) {
          // The log of an ended session is closed.
          if (isSessionEnded(readSession(db, sessionId).state)) continue;
          appendEvents(
            db,
            sessionId,
            events.filter((event) => event.sessionId === sessionId),
          );
        }
        return change;
      }),
  };
}
