import type { AcpRunRecord, AcpRunStore } from '../../application/acp-ports.ts';
import type { SessionId } from '../../domain/ids.ts';
import type { Database } from './open-database.ts';

const insertRun = 'INSERT INTO acp_runs (session_id, acp_session, input) VALUES (?, ?, ?)';
const selectRun = 'SELECT acp_session, input FROM acp_runs WHERE session_id = ?';
const selectOfSession = 'SELECT session_id FROM acp_runs WHERE acp_session = ? ORDER BY session_id';

export function makeAcpRunStore(db: Database): AcpRunStore {
  return {
    find: (id) =>
      db.run(() => {
        const row = db.sql(selectRun).get(id);
        if (row === undefined) return null;
        return { acpSession: String(row.acp_session), input: JSON.parse(String(row.input)) };
      }),

    ofSession: (acpSession) =>
      db.run(() =>
        db
          .sql(selectOfSession)
          .all(acpSession)
          .map((row) => row.session_id as SessionId),
      ),
  };
}

/** Runs inside the transaction that stores the session. */
export function insertAcpRun(db: Database, id: SessionId, { acpSession, input }: AcpRunRecord): void {
  db.sql(insertRun).run(id, acpSession, JSON.stringify(input));
}
