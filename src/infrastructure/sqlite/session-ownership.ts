import {
  type Lease,
  RetryAsked,
  type SessionRequest,
  type UnfinishedSession,
} from '../../application/ports/ownership.ts';
import type { Team } from '../../application/ports/teams.ts';
import { type AgentState, isAgentEnded } from '../../domain/agent.ts';
import { MaosError } from '../../domain/errors.ts';
import { sessionEvent } from '../../domain/events.ts';
import type { InstanceId, SessionId } from '../../domain/ids.ts';
import {
  isSessionEnded,
  type ParentAgent,
  type SessionAction,
  type SessionState,
} from '../../domain/session.ts';
import { alreadyInState, inState } from '../../domain/state-words.ts';
import type { Change } from '../../domain/workflow.ts';
import type { Database } from './open-database.ts';
import { readSession, sessionNotFound } from './workflow-reader.ts';
import { appendEvents } from './workflow-writer.ts';

/** Leases of sessions, and requests to the owners of sessions. */

const beat = `INSERT INTO owners (instance_id, heartbeat_at) VALUES (?, ?)
  ON CONFLICT (instance_id) DO UPDATE SET heartbeat_at = excluded.heartbeat_at`;
const selectOwner = `SELECT owner_id, owner_epoch, heartbeat_at FROM sessions
  LEFT JOIN owners ON instance_id = owner_id WHERE id = ?`;
/** Clears the flag unless the session is unfinished: it describes the run that an exit interrupted, not the next one. */
const exitingStill = `exiting = CASE WHEN state IN ('created', 'running') THEN exiting ELSE 0 END`;
const takeOver = `UPDATE sessions SET owner_id = ?, owner_epoch = owner_epoch + 1, ${exitingStill}
  WHERE id = ? AND owner_epoch = ? AND owner_id IS ?`;
const releaseLease = `UPDATE sessions SET owner_id = NULL, ${exitingStill}
  WHERE id = ? AND owner_id = ? AND owner_epoch = ?`;
const markOwner = 'UPDATE owners SET exit_announced = 1 WHERE instance_id = ?';
const markStopping = `UPDATE sessions SET exiting = 1
  WHERE owner_id = ? AND on_exit = 'stop' AND state IN ('created', 'running')`;
const selectLeases = 'SELECT id, owner_epoch FROM sessions WHERE owner_id = ?';
const forgetOwners = `DELETE FROM owners WHERE heartbeat_at < ?
  AND NOT EXISTS (SELECT 1 FROM sessions WHERE owner_id = instance_id)`;

const unfinished = 'SELECT id, state, owner_id, heartbeat_at, exit_announced, exiting FROM sessions';
/**
 * No command waits for a resumed nested team, so any process has to run it. Other sessions run in the process that
 * resumed them.
 */
const isWanted = "(desired = 'cancelled' OR (desired = 'running' AND parent_agent_id IS NOT NULL))";
/** Without INDEXED BY, SQLite scans all ended sessions for the second half, although few rows match. */
const selectUnfinished = `${unfinished} LEFT JOIN owners ON instance_id = owner_id
    WHERE state IN ('created', 'running') OR (state = 'paused' AND ${isWanted})
  UNION ALL ${unfinished} INDEXED BY sessions_by_owner LEFT JOIN owners ON instance_id = owner_id
    WHERE owner_id IS NOT NULL AND ended_at IS NOT NULL
  ORDER BY id`;
const selectDue = `SELECT id FROM sessions
  WHERE resume_at <= ? AND state = 'paused' AND pause_reason = 'quota' ORDER BY id`;

const selectTeams = `SELECT id, (SELECT json_extract(data, '$.by') FROM events
      WHERE session_id = sessions.id AND type = 'session.requested' AND json_extract(data, '$.agent') IS NULL
      ORDER BY seq DESC LIMIT 1) AS asked_by
  FROM sessions WHERE parent_agent_id = ? AND parent_session_id = ? AND on_parent_end = 'cancel' AND ended_at IS NULL
  ORDER BY id`;

const selectDesired = 'SELECT desired FROM sessions WHERE id = ?';
const setDesired = 'UPDATE sessions SET desired = ?, desired_reason = ? WHERE id = ?';
const selectAgentDesired = 'SELECT name, state, desired FROM agents WHERE id = ? AND session_id = ?';
const setAgentDesired = 'UPDATE agents SET desired = ?, desired_reason = ? WHERE id = ?';
const selectRetryAsked =
  "SELECT 1 FROM agents WHERE session_id = ? AND desired IS NOT NULL AND desired = 'pending'";
const forgetDesired = 'UPDATE sessions SET desired = NULL, desired_reason = NULL WHERE id = ?';
const forgetAgentsDesired =
  'UPDATE agents SET desired = NULL, desired_reason = NULL WHERE session_id = ? AND desired IS NOT NULL';
const selectRequests = `SELECT id, NULL AS agent_id, desired, desired_reason FROM sessions
  WHERE owner_id = ? AND desired IS NOT NULL
  UNION ALL
  SELECT session_id, agents.id, agents.desired, agents.desired_reason FROM agents
  JOIN sessions ON sessions.id = session_id WHERE agents.desired IS NOT NULL AND owner_id = ?
  ORDER BY 1, 2`;
const actions = { running: 'resume', paused: 'pause', cancelled: 'cancel', pending: 'retry' } as const;

/** Call inside a write transaction. */
export function putHeartbeat(db: Database, owner: InstanceId, at: string): void {
  db.sql(beat).run(owner, at);
}

export function beatOwner(db: Database, owner: InstanceId, at: string): readonly Lease[] {
  return db.write(() => {
    putHeartbeat(db, owner, at);
    return db
      .sql(selectLeases)
      .all(owner)
      .map((row) => ({ sessionId: row.id, owner, epoch: row.owner_epoch }) as Lease);
  });
}

export function announceExit(db: Database, owner: InstanceId): void {
  db.write(() => {
    db.sql(markOwner).run(owner);
    db.sql(markStopping).run(owner);
  });
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

/** No effect if the lease is already lost. */
export function releaseSession(db: Database, { sessionId, owner, epoch }: Lease): void {
  db.write(() => db.sql(releaseLease).run(sessionId, owner, epoch));
}

export function holdsLease(db: Database, { sessionId, owner, epoch }: Lease): boolean {
  const row = db.run(() => db.sql(selectOwner).get(sessionId));
  return row?.owner_id === owner && row.owner_epoch === epoch;
}

/** @throws MaosError SESSION_NOT_FOUND */
export function readOwner(db: Database, id: SessionId): InstanceId | null {
  const row = db.run(() => db.sql(selectOwner).get(id));
  if (row === undefined) throw sessionNotFound(id);
  return row.owner_id as InstanceId | null;
}

export function readUnfinished(db: Database): readonly UnfinishedSession[] {
  return db.run(() =>
    db
      .sql(selectUnfinished)
      .all()
      .map(
        (row) =>
          ({
            sessionId: row.id,
            state: row.state,
            owner: row.owner_id,
            heartbeatAt: row.heartbeat_at,
            ownerIsExiting: row.exit_announced === 1,
            mustStop: row.exiting === 1,
          }) as UnfinishedSession,
      ),
  );
}

export function readTeams(db: Database, { sessionId, agentId }: ParentAgent): readonly Team[] {
  return db.run(() =>
    db
      .sql(selectTeams)
      .all(agentId, sessionId)
      .map((row) => ({ sessionId: row.id, askedBy: row.asked_by }) as Team),
  );
}

export function readDueForResume(db: Database, at: string): readonly SessionId[] {
  return db.run(() =>
    db
      .sql(selectDue)
      .all(at)
      .map((row) => row.id as SessionId),
  );
}

/**
 * Stores requests. Repeating a request changes nothing and records no second event; requesting the state that a session
 * is in withdraws an earlier request.
 * @returns whether anything was changed
 * @throws MaosError SESSION_NOT_FOUND, AGENT_NOT_FOUND, INVALID_TRANSITION when the session has ended, or when an agent
 *   to be retried neither failed nor was cancelled
 */
export function putRequests(
  db: Database,
  requests: readonly SessionRequest[],
  by: string,
  at: string,
): boolean {
  return db.write(() => {
    const events = requests.flatMap((request) => {
      const { sessionId, agentId, desired, reason } = request;
      const { state } = readSession(db, sessionId);
      // An ended session has no owner that would act on it.
      if (isSessionEnded(state)) throw hasEnded(sessionId, state, actions[desired]);
      const agent = agentId === null ? null : putAgentRequest(db, request);
      if (agentId === null ? !putSessionRequest(db, request, state) : agent === null) return [];
      return [
        sessionEvent('session.requested', sessionId, at, { action: actions[desired], agent, by, reason }),
      ];
    });
    for (const event of events) appendEvents(db, event.sessionId, [event]);
    return events.length > 0;
  });
}

/** @returns false when the request is already stored, or already fulfilled with no other request pending */
function putSessionRequest(
  db: Database,
  { sessionId, desired, reason }: SessionRequest,
  state: SessionState,
): boolean {
  const asked = db.sql(selectDesired).get(sessionId)?.desired;
  if (asked === desired || (desired === state && asked === null)) return false;
  if (desired === state) db.sql(forgetDesired).run(sessionId);
  else db.sql(setDesired).run(desired, reason, sessionId);
  return true;
}

/** @returns the agent's name; null when the request is already stored, or the agent to be cancelled has ended */
function putAgentRequest(
  db: Database,
  { sessionId, agentId, desired, reason }: SessionRequest,
): string | null {
  const row = db.sql(selectAgentDesired).get(agentId, sessionId);
  if (row === undefined) {
    throw new MaosError('AGENT_NOT_FOUND', `Session ${sessionId} has no agent ${agentId}.`, {
      details: { sessionId, agentId },
    });
  }
  if (row.desired === desired) return null;
  const state = row.state as AgentState;
  // A request that is impossible now must not stay stored until it becomes possible.
  if (desired === 'cancelled' && isAgentEnded(state)) return null;
  if (desired === 'pending' && state !== 'failed' && state !== 'cancelled') {
    throw new MaosError(
      'INVALID_TRANSITION',
      `Agent ${agentId} ${inState(state)}: only an agent that failed or was cancelled can be retried.`,
      { details: { agentId, state } },
    );
  }
  db.sql(setAgentDesired).run(desired, reason, agentId);
  return String(row.name);
}

function hasEnded(sessionId: SessionId, state: SessionState, action: SessionAction): MaosError {
  const hint = state === 'failed' && action !== 'retry' ? ' Retry it to run the failed agents again.' : '';
  return new MaosError(
    'INVALID_TRANSITION',
    `Session ${sessionId} ${alreadyInState(state)}: there is nothing left to ${action}.${hint}`,
    { details: { sessionId, state, action } },
  );
}

/**
 * Clears the requests that a change answers. Call inside the transaction of the change.
 * @param hasEnded whether the change ends the session
 */
export function closeRequests(db: Database, id: SessionId, change: Change, hasEnded: boolean): void {
  for (const { type, agentId } of change.events) {
    if (type === 'session.request_refused' && agentId !== null)
      db.sql(setAgentDesired).run(null, null, agentId);
    if (type === 'session.stalled' || (type === 'session.request_refused' && agentId === null))
      db.sql(forgetDesired).run(id);
    if (type === 'session.stalled') db.sql(forgetAgentsDesired).run(id);
  }
  if (hasEnded) db.sql(forgetAgentsDesired).run(id);
}

/** Call inside the transaction that would end the session. @throws RetryAsked when a retry of an agent is requested */
export function assertNoRetryAsked(db: Database, id: SessionId): void {
  if (db.sql(selectRetryAsked).get(id) !== undefined) throw new RetryAsked(id);
}

export function readRequests(db: Database, owner: InstanceId): readonly SessionRequest[] {
  return db.run(() =>
    db
      .sql(selectRequests)
      .all(owner, owner)
      .map(
        (row) =>
          ({
            sessionId: row.id,
            agentId: row.agent_id,
            desired: row.desired,
            reason: row.desired_reason,
          }) as SessionRequest,
      ),
  );
}
