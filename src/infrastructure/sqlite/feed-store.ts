import type { EventCount, FeedStore, Overview, PositionedEvent } from '../../application/ports/feed.ts';
import type { AgentState } from '../../domain/agent.ts';
import type { SessionState } from '../../domain/session.ts';
import { totalUsage } from '../../domain/usage.ts';
import type { Database } from './open-database.ts';
import type { Row } from './table.ts';
import { eventOf, eventTable, sessionTable, usageFields } from './tables.ts';
import { readSession, summariesOf, sumUsage } from './workflow-reader.ts';

const selectOrigin = 'SELECT created_at FROM projects LIMIT 1';
/** SQLite's own counter, which never assigns a position twice (https://www.sqlite.org/autoinc.html). */
const selectLastPosition = "SELECT seq AS place FROM sqlite_sequence WHERE name = 'events'";
/** Searches from the newest event, because callers ask about recent times. */
const selectPositionBefore = 'SELECT place FROM events WHERE at < ? ORDER BY place DESC LIMIT 1';
const eventColumns = `place, ${eventTable.columns}`;
const selectEvents = `SELECT ${eventColumns} FROM events WHERE place > ? ORDER BY place LIMIT ?`;
/** The unary plus makes SQLite use the session's index instead of scanning the events of all sessions by position. */
const selectEventsOf = `SELECT ${eventColumns} FROM events
  WHERE session_id = ? AND +place > ? ORDER BY seq LIMIT ?`;
const selectOverview = `SELECT ${sessionTable.columns} FROM sessions WHERE id IN (
    SELECT id FROM sessions WHERE state IN ('created', 'running', 'paused')
    UNION SELECT id FROM (SELECT id FROM sessions ORDER BY id DESC LIMIT ?))
  ORDER BY id DESC`;
const countSessions = 'SELECT count(*) AS sessions FROM sessions';
const sessionFigures = 'SELECT state, count(*) AS found FROM sessions GROUP BY state';
const agentFigures = `SELECT state, count(*) AS found, ${sumUsage} FROM agents GROUP BY state`;
const countByKind = `SELECT type,
    CASE WHEN type IN ('agent.failed', 'agent.cancelled') THEN json_extract(data, '$.kind') END AS kind,
    count(*) AS found, max(place) AS place
  FROM events WHERE place > ? GROUP BY 1, 2`;

export function makeFeedStore(db: Database): FeedStore {
  const lastPosition = (): number => Number(db.sql(selectLastPosition).get()?.place ?? 0);
  return {
    origin: () =>
      db.run(() => {
        const row = db.sql(selectOrigin).get();
        return row === undefined ? null : Date.parse(String(row.created_at)).toString(36);
      }),

    lastPosition: () => db.run(lastPosition),

    positionBefore: (at) => db.run(() => Number(db.sql(selectPositionBefore).get(at)?.place ?? 0)),

    eventsAfter: (position, limit, of) =>
      db.run(() =>
        (of === undefined
          ? db.sql(selectEvents).all(position, limit)
          : db.sql(selectEventsOf).all(of, position, limit)
        ).map(positionedEventOf),
      ),

    overview: (newest) =>
      db.read((): Overview => {
        const sessions = summariesOf(db, db.sql(selectOverview).all(newest).map(sessionTable.fromSql));
        const total = Number(db.sql(countSessions).get()?.sessions);
        return { position: lastPosition(), sessions, omitted: total - sessions.length };
      }),

    overviewOf: (id) =>
      db.read((): Overview => {
        const sessions = summariesOf(db, [readSession(db, id)]);
        return { position: lastPosition(), sessions, omitted: 0 };
      }),

    figures: () =>
      db.read(() => {
        const agents = db.sql(agentFigures).all();
        return {
          sessions: new Map(
            db
              .sql(sessionFigures)
              .all()
              .map(foundOf<SessionState>),
          ),
          agents: new Map(agents.map(foundOf<AgentState>)),
          usage: totalUsage(agents.map((row) => usageFields.fromSql(row, ''))),
        };
      }),

    countEvents: (after) =>
      db.run(() => {
        const rows = db.sql(countByKind).all(after);
        const position = rows.reduce((last, row) => Math.max(last, Number(row.place)), after);
        return { position, counts: rows.map(countOf) };
      }),
  };
}

function positionedEventOf(row: Row): PositionedEvent {
  return { position: Number(row.place), event: eventOf(row) };
}

function foundOf<State>(row: Row): readonly [State, number] {
  return [row.state as State, Number(row.found)];
}

function countOf({ type, kind, found }: Row): EventCount {
  return { type, kind, count: found } as EventCount;
}
