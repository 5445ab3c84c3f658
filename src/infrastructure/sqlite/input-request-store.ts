import type { SQLInputValue } from 'node:sqlite';
import type { InputRequestQuery, InputRequestStore } from '../../application/ports/input-requests.ts';
import { MaosError } from '../../domain/errors.ts';
import type { DomainEvent, RecordedEvent } from '../../domain/events.ts';
import type { InputRequestId, SessionId } from '../../domain/ids.ts';
import {
  type InputRequest,
  type InputRequestDraft,
  inputRequestEvent,
  inputRequestKinds,
  inputRequestStates,
  withdrawRequest,
} from '../../domain/input-request.ts';
import { isSessionEnded } from '../../domain/session.ts';
import type { Workflow } from '../../domain/workflow.ts';
import { insertNotifications, type NotifyBy } from './notification-store.ts';
import type { Database } from './open-database.ts';
import { choice, type Fields, integer, json, nullable, table, text, time } from './table.ts';
import { readSession } from './workflow-reader.ts';
import { appendEvents } from './workflow-writer.ts';

/** Fields that are fixed when a request is opened. */
const asked: Fields<InputRequestDraft & Pick<InputRequest, 'askedAt'>> = {
  id: text('id'),
  sessionId: text('session_id'),
  agentId: text('agent_id'),
  attempt: integer('attempt'),
  key: text('request_key'),
  kind: choice('kind', inputRequestKinds),
  tool: nullable(text('tool')),
  askedAt: time('asked_at'),
  expiresAt: time('expires_at'),
  choices: json('choices'),
  action: text('action'),
  reason: nullable(text('reason')),
};

/** Fields that change when it is closed. */
const outcome: Fields<Omit<InputRequest, keyof typeof asked>> = {
  state: choice('state', inputRequestStates),
  closedAt: nullable(time('closed_at')),
  answer: nullable(json('answer')),
  answeredBy: nullable(json('answered_by')),
};

const requestTable = table<InputRequest>({ ...asked, ...outcome }, (row) => `Request ${row.id}`);
const outcomeTable = table(outcome, (row) => `Request ${row.id}`);
const select = `SELECT ${requestTable.columns} FROM input_requests`;
const insert = `INSERT INTO input_requests (${requestTable.columns}) VALUES (${requestTable.placeholders})`;
const update = `UPDATE input_requests SET ${outcomeTable.assignments} WHERE id = ?`;

const selectOne = `${select} WHERE id = ?`;
const selectSame = `${select} WHERE agent_id = ? AND attempt = ? AND request_key = ?`;
const selectAttempt = 'SELECT name, state, attempt FROM agents WHERE id = ? AND session_id = ?';
const anyDue = "SELECT 1 FROM input_requests WHERE state = 'open' AND expires_at <= ? LIMIT 1";
const countOpen = "SELECT count(*) AS open FROM input_requests WHERE state = 'open' AND expires_at > ?";
const selectDue = `${select} WHERE state = 'open' AND expires_at <= ? ORDER BY expires_at LIMIT ?`;
const selectNextDue =
  "SELECT min(expires_at) AS at FROM input_requests WHERE state = 'open' AND session_id = ?";
/** Uses the index of open requests, although it covers all sessions: few requests are open at a time. */
const selectOpenOf = `${select} INDEXED BY input_requests_open WHERE state = 'open' AND agent_id = ? AND attempt = ?
  ORDER BY id`;
const selectByText = `SELECT id FROM input_requests WHERE (id >= ? AND id < ?) OR substr(id, ?) = ?
  ORDER BY id DESC LIMIT ?`;

export function makeInputRequestStore(db: Database, notifyBy: NotifyBy = () => []): InputRequestStore {
  /** To be called inside a write transaction. */
  function store(
    before: readonly InputRequest[],
    move: (request: InputRequest) => InputRequest,
    at: string,
  ): readonly InputRequest[] {
    return before.map((request) => {
      const after = move(request);
      if (after === request) return request;
      db.sql(update).run(...outcomeTable.toSql(after), after.id);
      appendTo(db, after.sessionId, [inputRequestEvent(after, at)]);
      return after;
    });
  }

  const find = (id: InputRequestId): InputRequest | null => {
    const row = db.sql(selectOne).get(id);
    return row === undefined ? null : requestTable.fromSql(row);
  };

  return {
    open: (request, at) =>
      db.write(() => {
        const same = db.sql(selectSame).get(request.agentId, request.attempt, request.key);
        if (same !== undefined) return requestTable.fromSql(same);
        assertRuns(db, request);
        db.sql(insert).run(...requestTable.toSql(request));
        insertNotifications(db, appendTo(db, request.sessionId, [inputRequestEvent(request, at)]), notifyBy);
        return request;
      }),

    change: (id, move, at) =>
      db.write(() => {
        const request = find(id);
        return request === null ? null : (store([request], move, at)[0] ?? null);
      }),

    changeDue(move, at, max) {
      // Most looks find nothing, and need not keep the other writers waiting.
      if (db.run(() => db.sql(anyDue).get(at)) === undefined) return [];
      return db.write(() => store(db.sql(selectDue).all(at, max).map(requestTable.fromSql), move, at));
    },

    find: (id) => db.run(() => find(id)),

    list: (query) =>
      db.run(() => {
        const { sql, values } = listQuery(query);
        return db
          .sql(sql)
          .all(...values)
          .map(requestTable.fromSql);
      }),

    countOpen: (at) => db.run(() => Number(db.sql(countOpen).get(at)?.open)),

    findByText(given, limit) {
      const wanted = given.replace(/^req_/i, '').toUpperCase();
      if (!/^[0-9A-Z]*$/.test(wanted)) return [];
      const from = `req_${wanted}`;
      // A text with the prefix `req_` is the start of an id; any other may also be its end.
      const tail = given.length > wanted.length || wanted === '' ? null : wanted;
      return db.run(() =>
        db
          .sql(selectByText)
          .all(from, `${from}~`, -wanted.length, tail, limit)
          .map((row) => row.id as InputRequestId),
      );
    },

    nextDue: (sessionId) => db.run(() => (db.sql(selectNextDue).get(sessionId)?.at ?? null) as string | null),
  };
}

/**
 * Withdraws the open requests of attempts that this change ends. Call it inside a write transaction.
 * @returns their events, not yet stored
 */
export function withdrawOfEnded(
  db: Database,
  previous: Workflow,
  next: Workflow,
  at: string,
): readonly DomainEvent[] {
  if (previous.agents === next.agents) return [];
  const after = new Map(next.agents.map((agent) => [agent.id, agent]));
  const ended = previous.agents.filter((agent) => {
    const now = after.get(agent.id);
    return agent.state === 'running' && (now?.state !== 'running' || now.attempt !== agent.attempt);
  });
  return ended.flatMap(({ id, attempt }) =>
    db
      .sql(selectOpenOf)
      .all(id, attempt)
      .map((row) => {
        const request = withdrawRequest(requestTable.fromSql(row), at);
        db.sql(update).run(...outcomeTable.toSql(request), request.id);
        return inputRequestEvent(request, at);
      }),
  );
}

/** Appends nothing to the log of an ended session: no owner is left that would write session.log. */
function appendTo(
  db: Database,
  sessionId: SessionId,
  events: readonly DomainEvent[],
): readonly RecordedEvent[] {
  return isSessionEnded(readSession(db, sessionId).state) ? [] : appendEvents(db, sessionId, events);
}

/** @throws MaosError INVALID_TRANSITION: no one would wait for the answer, and nothing would withdraw the request */
function assertRuns(db: Database, { sessionId, agentId, attempt }: InputRequest): void {
  const row = db.sql(selectAttempt).get(agentId, sessionId);
  if (row?.state === 'running' && row.attempt === attempt) return;
  const what =
    row === undefined ? `is not in session ${sessionId}` : `is ${row.state}, in attempt ${row.attempt}`;
  throw new MaosError(
    'INVALID_TRANSITION',
    `Attempt ${attempt} of ${agentId} cannot ask anything: the agent ${what}.`,
    { details: { sessionId, agentId, attempt } },
  );
}

/** The filters are few and fixed, so the statements are, too. */
function listQuery(query: InputRequestQuery): {
  readonly sql: string;
  readonly values: readonly SQLInputValue[];
} {
  const filters: readonly (readonly [sql: string, value: SQLInputValue | undefined])[] = [
    ['session_id = ?', query.sessionId],
    ['agent_id = ?', query.agentId],
    ['attempt = ?', query.attempt],
    ['state = ?', query.state],
    ['id < ?', query.before],
  ];
  const given = filters.flatMap(([sql, value]) => (value === undefined ? [] : [{ sql, value }]));
  // A literal instead of a parameter, so that SQLite can use the partial index of open requests.
  const isOpen = query.state === 'open' ? ["state = 'open'"] : [];
  const all = ['true', ...isOpen, ...given.map(({ sql }) => sql)];
  return {
    sql: `${select} WHERE ${all.join(' AND ')} ORDER BY id DESC LIMIT ?`,
    values: [...given.map(({ value }) => value), query.limit],
  };
}
