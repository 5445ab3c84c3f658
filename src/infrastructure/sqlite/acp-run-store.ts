import type { AcpRunRecord, AcpRunStore } from '../../application/ports/acp-runs.ts';
import type { SessionId } from '../../domain/ids.ts';
import type { Database } from './open-database.ts';
import { acpRunTable } from './tables.ts';

const insertRun = `INSERT INTO acp_runs (session_id, ${acpRunTable.columns})
  VALUES (?, ${acpRunTable.placeholders})`;
const selectRun = `SELECT session_id, ${acpRunTable.columns} FROM acp_runs WHERE session_id = ?`;
const selectOfSession = 'SELECT session_id FROM acp_runs WHERE acp_session = ? ORDER BY session_id';

const selectRoles = `SELECT agents.role AS role,
    100.0 * avg(sessions.state = 'completed') AS success,
    avg(max(0, unixepoch(sessions.ended_at, 'subsec') - unixepoch(sessions.created_at, 'subsec'))) AS seconds,
    avg(usage_input_tokens + usage_output_tokens + usage_cache_read_tokens + usage_cache_write_tokens) AS tokens
  FROM acp_runs JOIN sessions ON sessions.id = acp_runs.session_id JOIN agents ON agents.session_id = sessions.id
  WHERE sessions.state IN ('completed', 'failed') GROUP BY agents.role`;

export function makeAcpRunStore(db: Database): AcpRunStore {
  return {
    find: (id) =>
      db.run(() => {
        const row = db.sql(selectRun).get(id);
        return row === undefined ? null : acpRunTable.fromSql(row);
      }),

    ofSession: (acpSession) =>
      db.run(() =>
        db
          .sql(selectOfSession)
          .all(acpSession)
          .map((row) => row.session_id as SessionId),
      ),

    roleRecords: () =>
      db.run(() =>
        db
          .sql(selectRoles)
          .all()
          .map((row) => ({
            role: String(row.role),
            successPercent: Number(row.success),
            averageSeconds: Number(row.seconds),
            averageTokens: row.tokens as number | null,
          })),
      ),
  };
}

/** Call inside the transaction that stores the session. */
export function insertAcpRun(db: Database, id: SessionId, run: AcpRunRecord): void {
  db.sql(insertRun).run(id, ...acpRunTable.toSql(run));
}
