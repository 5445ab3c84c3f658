import type { SessionSearch } from '../../application/ports/session-reader.ts';
import type { ArtifactRecord, SessionSummary } from '../../application/ports/session-summary.ts';
import { MaosError, quote } from '../../domain/errors.ts';
import type { EventType, RecordedEvent } from '../../domain/events.ts';
import { type AgentId, isAgentId, isSessionId, type SessionId } from '../../domain/ids.ts';
import type { Session, SessionState } from '../../domain/session.ts';
import type { Workflow } from '../../domain/workflow.ts';
import type { Database } from './open-database.ts';
import { parseJson, type Row } from './table.ts';
import {
  agentTable,
  artifactTable,
  eventOf,
  eventTable,
  phaseTable,
  progressOf,
  sessionTable,
  usageFields,
} from './tables.ts';

/** Queries of sessions. Functions with more than one statement run in their own read transaction. */

const selectSession = `SELECT ${sessionTable.columns} FROM sessions WHERE id = ?`;
const selectPage = `SELECT ${sessionTable.columns} FROM sessions
  WHERE rowid < ? ORDER BY rowid DESC LIMIT ?`;
const selectPageOfState = `SELECT ${sessionTable.columns} FROM sessions
  WHERE state = ? AND rowid < ? ORDER BY rowid DESC LIMIT ?`;
/** Null parameters do not restrict; the text is no pattern, so LIKE cannot be used. */
const searchWhere = `id < :before AND (:text IS NULL
  OR instr(lower(id), lower(:text)) OR instr(lower(objective), lower(:text))) ORDER BY id DESC LIMIT :limit`;
const searchAll = `SELECT ${sessionTable.columns} FROM sessions WHERE ${searchWhere}`;
const searchState = `SELECT ${sessionTable.columns} FROM sessions WHERE state = :state AND ${searchWhere}`;
/** For a session that was removed meanwhile: just after the newest session with a smaller id. */
const selectPlace = `SELECT coalesce(
  (SELECT rowid FROM sessions WHERE id = :id), (SELECT max(rowid) + 1 FROM sessions WHERE id < :id), 0) AS place`;
/** `sum(usage_x) AS usage_x, …`, to read with `usageFields`. */
export const sumUsage = usageFields.columns.map((name) => `sum(${name}) AS ${name}`).join(', ');
const countStates = ['pending', 'running', 'completed', 'failed', 'cancelled', 'resumable']
  .map((state) => `sum(state = '${state}') AS ${state}`)
  .join(', ');
/** One row per session that has agents. The parameter is a JSON array of session ids. */
const aggregateAgents = `SELECT session_id, count(*) AS total, ${countStates}, ${sumUsage} FROM agents
  WHERE session_id IN (SELECT value FROM json_each(?)) GROUP BY session_id`;

const selectAgents = `SELECT ${agentTable.columns}, position FROM agents WHERE session_id = ? ORDER BY position`;
/** Positions, aggregated by SQLite: a wide pipeline has tens of thousands of edges. */
const selectDependencies = `SELECT d.agent_id, json_group_array(upstream.position) AS upstreams FROM agents a
  JOIN agent_dependencies d ON d.agent_id = a.id JOIN agents upstream ON upstream.id = d.depends_on_id
  WHERE a.session_id = ? GROUP BY d.agent_id`;
const selectPhases = `SELECT ${phaseTable.columns} FROM phases WHERE session_id = ? ORDER BY idx`;

const selectEvents = `SELECT ${eventTable.columns} FROM events
  WHERE session_id = ? AND seq > ? ORDER BY seq LIMIT ?`;
const selectEventsOfTypes = `SELECT ${eventTable.columns} FROM events
  WHERE session_id = ? AND seq > ? AND type IN (SELECT value FROM json_each(?)) ORDER BY seq LIMIT ?`;
const selectLastSeq = 'SELECT coalesce(max(seq), 0) AS seq FROM events WHERE session_id = ?';
/** SQLite takes the other columns from the row with the maximum (https://www.sqlite.org/lang_select.html#bareagg). */
const selectArtifacts = `SELECT ${artifactTable.columns}, max(revision)
  FROM artifacts WHERE session_id = ? GROUP BY path ORDER BY path`;

/** Ranges and substr instead of LIKE, because the user's text is not a pattern. */
const findSessionIds = `SELECT id FROM sessions
  WHERE (id >= :from AND id < :to) OR substr(id, :tail) = :text
  ORDER BY id DESC LIMIT :limit`;
const findAgentIds = `SELECT session_id, id FROM agents
  WHERE id IN (SELECT id FROM agents WHERE (id >= :from AND id < :to) OR substr(id, :tail) = :text)
  ORDER BY session_id DESC, position LIMIT :limit`;
/** By the index `sessions_by_landed`, which has both conditions. */
const selectLandings = `SELECT id, state FROM sessions
  WHERE instr(options, 'landing') AND json_extract(json_extract(options, '$.landing'), '$.sessionId') = ?
  ORDER BY rowid DESC`;
const selectWithKey = 'SELECT id FROM sessions WHERE idempotency_key = ?';
const selectSessionId = 'SELECT id FROM sessions WHERE id = ?';
const selectAgentSession = 'SELECT session_id FROM agents WHERE id = ?';

/** Sorts after every character of an id. */
const afterAll = '~';

const noAgents = {
  progress: { total: 0, pending: 0, running: 0, completed: 0, failed: 0, cancelled: 0, resumable: 0 },
  usage: null,
};

export function sessionNotFound(id: SessionId): MaosError {
  return new MaosError(
    'SESSION_NOT_FOUND',
    `There is no session ${quote(id)} in this project. 'maos list' lists the sessions.`,
    {
      details: { sessionId: id },
    },
  );
}

/** @throws MaosError SESSION_NOT_FOUND */
export function readSession(db: Database, id: SessionId): Session {
  const row = db.sql(selectSession).get(id);
  if (row === undefined) throw sessionNotFound(id);
  return sessionTable.fromSql(row);
}

/** @throws MaosError SESSION_NOT_FOUND */
export function loadWorkflow(db: Database, id: SessionId): Workflow {
  return db.read(() => {
    const session = readSession(db, id);
    const rows = db.sql(selectAgents).all(id);
    const dependencies = readDependencies(db, id, rows);
    const agents = rows.map((row) => ({
      ...agentTable.fromSql(row),
      dependsOn: dependencies.get(row.id) ?? [],
    }));
    const phases = db.sql(selectPhases).all(id).map(phaseTable.fromSql);
    return { session, agents, phases };
  });
}

/**
 * The dependencies of each agent, in plan order.
 * @param agents all rows of the session, in plan order
 */
function readDependencies(
  db: Database,
  id: SessionId,
  agents: readonly Row[],
): ReadonlyMap<unknown, readonly AgentId[]> {
  const ids = new Map(agents.map((row) => [row.position as number, row.id as AgentId]));
  return new Map(
    db
      .sql(selectDependencies)
      .all(id)
      .map((row) => {
        const positions = parseJson<number[]>(row.upstreams, `Dependencies of agent ${row.agent_id}`);
        positions.sort((a, b) => a - b);
        return [row.agent_id, positions.map((position) => ids.get(position) as AgentId)];
      }),
  );
}

/** @throws MaosError SESSION_NOT_FOUND */
export function readSummary(db: Database, id: SessionId): SessionSummary {
  return db.read(() => summariesOf(db, [readSession(db, id)])[0] as SessionSummary);
}

export function listSummaries(
  db: Database,
  { state, limit, before }: { state?: SessionState; limit: number; before?: SessionId },
): readonly SessionSummary[] {
  return db.read(() => {
    // In the order of storing: after the clock was set back, newer sessions can have older ids and times.
    const upTo =
      before === undefined ? Number.MAX_SAFE_INTEGER : Number(db.sql(selectPlace).get({ id: before })?.place);
    const rows =
      state === undefined
        ? db.sql(selectPage).all(upTo, limit)
        : db.sql(selectPageOfState).all(state, upTo, limit);
    return summariesOf(db, rows.map(sessionTable.fromSql));
  });
}

export function searchSummaries(db: Database, search: SessionSearch): readonly SessionSummary[] {
  const { state, text = null, before = afterAll, limit } = search;
  const given = { text, before, limit };
  return db.read(() => {
    const rows =
      state === undefined ? db.sql(searchAll).all(given) : db.sql(searchState).all({ ...given, state });
    return summariesOf(db, rows.map(sessionTable.fromSql));
  });
}

/** Call inside a transaction. */
export function summariesOf(db: Database, sessions: readonly Session[]): readonly SessionSummary[] {
  const ids = JSON.stringify(sessions.map(({ id }) => id));
  const aggregates = new Map<unknown, Row>();
  for (const row of db.sql(aggregateAgents).all(ids)) aggregates.set(row.session_id, row);
  return sessions.map((session) => {
    const row = aggregates.get(session.id);
    return row === undefined
      ? { session, ...noAgents }
      : { session, progress: progressOf(row), usage: usageFields.fromSql(row, '') };
  });
}

/** Sessions whose id starts or ends with the text, newest first. Ignores case, because ids have only one. */
export function findSessions(db: Database, text: string, limit: number): readonly SessionId[] {
  const wanted = text.replace(/^sess_/i, '').toUpperCase();
  if (!/^[0-9A-Z]*$/.test(wanted)) return [];
  const id = `sess_${wanted}`;
  return db.run(() => {
    // Fast path for a full id; a part of an id needs a scan of all sessions.
    const rows = isSessionId(id)
      ? db.sql(selectSessionId).all(id)
      : db.sql(findSessionIds).all(searchFor('sess_', text, wanted, limit));
    return rows.map((row) => row.id as SessionId);
  });
}

/** A full id matches only itself, even if it is the prefix of another. */
export function findAgents(
  db: Database,
  text: string,
  limit: number,
): readonly { sessionId: SessionId; agentId: AgentId }[] {
  const wanted = text.replace(/^agent_/i, '').toLowerCase();
  if (!/^[0-9a-z_]*$/.test(wanted)) return [];
  return db.run(() => {
    const agentId = `agent_${wanted}`;
    const exact = isAgentId(agentId) ? db.sql(selectAgentSession).get(agentId) : undefined;
    if (exact !== undefined)
      return [{ sessionId: exact.session_id as SessionId, agentId: agentId as AgentId }];
    return db
      .sql(findAgentIds)
      .all(searchFor('agent_', text, wanted, limit))
      .map((row) => ({ sessionId: row.session_id as SessionId, agentId: row.id as AgentId }));
  });
}

/** Text with the prefix can only match the beginning of an id; other text can also match its end. */
function searchFor(prefix: string, given: string, wanted: string, limit: number) {
  const from = `${prefix}${wanted}`;
  const text = given.length > wanted.length ? null : wanted;
  return { from, to: `${from}${afterAll}`, text, tail: -wanted.length, limit };
}

export function readEvents(
  db: Database,
  id: SessionId,
  after: number,
  limit: number,
  types?: readonly EventType[],
): readonly RecordedEvent[] {
  return db.run(() => {
    const rows =
      types === undefined
        ? db.sql(selectEvents).all(id, after, limit)
        : db.sql(selectEventsOfTypes).all(id, after, JSON.stringify(types), limit);
    return rows.map(eventOf);
  });
}

export function readLastSeq(db: Database, id: SessionId): number {
  return db.run(() => Number(db.sql(selectLastSeq).get(id)?.seq));
}

export function readArtifacts(db: Database, id: SessionId): readonly ArtifactRecord[] {
  return db.run(() => db.sql(selectArtifacts).all(id).map(artifactTable.fromSql));
}

export function findSessionWithKey(db: Database, key: string): SessionId | null {
  return db.run(() => (db.sql(selectWithKey).get(key)?.id as SessionId | undefined) ?? null);
}

/** Sessions that land the work of a session, with their states, newest first. */
export function readLandings(
  db: Database,
  id: SessionId,
): readonly { readonly id: SessionId; readonly state: SessionState }[] {
  return db.run(() =>
    db
      .sql(selectLandings)
      .all(id)
      .map((row) => ({ id: row.id as SessionId, state: row.state as SessionState })),
  );
}
