import { type Lease, LeaseLost } from '../../application/ports/ownership.ts';
import type { ArtifactRecord } from '../../application/ports/session-summary.ts';
import type { Agent } from '../../domain/agent.ts';
import type { DomainEvent, RecordedEvent } from '../../domain/events.ts';
import type { InstanceId, SessionId } from '../../domain/ids.ts';
import type { Phase } from '../../domain/orchestration.ts';
import type { Session } from '../../domain/session.ts';
import type { Workflow } from '../../domain/workflow.ts';
import { eventHash } from './event-hash.ts';
import type { Database } from './open-database.ts';
import { agentTable, artifactTable, eventTable, phaseTable, sessionTable } from './tables.ts';

/** Writes of sessions. Call every function inside a transaction. */

const insertSession = `INSERT INTO sessions (${sessionTable.columns}, project_hash, owner_id, owner_epoch)
  VALUES (${sessionTable.placeholders}, ?, ?, 1)`;
const updateSession = `UPDATE sessions SET ${sessionTable.assignments} WHERE id = ?`;
const clearDesired = `UPDATE sessions SET desired = NULL, desired_reason = NULL
  WHERE id = ? AND (desired = state OR state IN ('completed', 'failed', 'cancelled'))`;
const clearAgentDesired = `UPDATE agents SET desired = NULL, desired_reason = NULL
  WHERE id = ? AND (desired = state OR (desired = 'cancelled' AND state IN ('completed', 'failed')))`;
const leaseHolds = 'SELECT 1 FROM sessions WHERE id = ? AND owner_id = ? AND owner_epoch = ?';

const insertAgent = `INSERT INTO agents (${agentTable.columns}, position)
  VALUES (${agentTable.placeholders}, ?)`;
const updateAgent = `UPDATE agents SET ${agentTable.assignments} WHERE id = ?`;
const insertDependency = 'INSERT INTO agent_dependencies (agent_id, depends_on_id) VALUES (?, ?)';
const deleteDependencies = 'DELETE FROM agent_dependencies WHERE agent_id = ?';
const putPhase = `INSERT INTO phases (session_id, ${phaseTable.columns}) VALUES (?, ${phaseTable.placeholders})
  ON CONFLICT (session_id, idx) DO UPDATE SET state = excluded.state`;

const lastEvent = 'SELECT seq, hash FROM events WHERE session_id = ? ORDER BY seq DESC LIMIT 1';
const insertEvent = `INSERT INTO events (hash, ${eventTable.columns}) VALUES (?, ${eventTable.placeholders})`;
/** No `?1`: on older supported Nodes (22.13), numbered parameters cannot be passed by position. */
const insertArtifact = `INSERT INTO artifacts
  (session_id, ${artifactTable.columns}, revision)
  VALUES (?, ${artifactTable.placeholders},
    1 + coalesce((SELECT max(revision) FROM artifacts WHERE session_id = ? AND path = ?), 0))`;

/** Stores a new workflow, without its events, with its lease in epoch 1. */
export function insertWorkflow(
  db: Database,
  workflow: Workflow,
  projectHash: string,
  owner: InstanceId,
): void {
  const { session, agents, phases } = workflow;
  db.sql(insertSession).run(...sessionTable.toSql(session), projectHash, owner);
  agents.forEach((agent, position) => {
    db.sql(insertAgent).run(...agentTable.toSql(agent), position);
  });
  for (const agent of agents) insertDependenciesOf(db, agent);
  for (const phase of phases) putPhaseOf(db, session.id, phase);
}

/** @throws LeaseLost */
export function assertLease(db: Database, { sessionId, owner, epoch }: Lease): void {
  if (db.sql(leaseHolds).get(sessionId, owner, epoch) === undefined) throw new LeaseLost(sessionId);
}

/** Writes the records that differ in identity from the previous ones. */
export function updateWorkflow(db: Database, previous: Workflow, next: Workflow): void {
  if (next.session !== previous.session) updateSessionRow(db, next.session);
  updateAgents(db, previous.agents, next.agents);
  const phasesBefore = new Set(previous.phases);
  for (const phase of next.phases) {
    if (!phasesBefore.has(phase)) putPhaseOf(db, next.session.id, phase);
  }
}

function updateSessionRow(db: Database, session: Session): void {
  db.sql(updateSession).run(...sessionTable.toSql(session), session.id);
  // Clears a fulfilled request. When the session has ended, clears any request, which would otherwise apply to its
  // retry.
  db.sql(clearDesired).run(session.id);
}

function updateAgents(db: Database, previous: readonly Agent[], next: readonly Agent[]): void {
  if (next === previous) return;
  const before = new Map(previous.map((agent) => [agent.id, agent]));
  const rewired: Agent[] = [];
  for (const [position, agent] of next.entries()) {
    const old = before.get(agent.id);
    if (old === agent) continue;
    const values = agentTable.toSql(agent);
    if (old === undefined) db.sql(insertAgent).run(...values, position);
    else {
      db.sql(updateAgent).run(...values, agent.id);
      if (old.state !== agent.state) db.sql(clearAgentDesired).run(agent.id);
    }
    if (old?.dependsOn !== agent.dependsOn) rewired.push(agent);
  }
  for (const agent of rewired) {
    db.sql(deleteDependencies).run(agent.id);
    insertDependenciesOf(db, agent);
  }
}

function insertDependenciesOf(db: Database, agent: Agent): void {
  for (const upstream of agent.dependsOn) db.sql(insertDependency).run(agent.id, upstream);
}

function putPhaseOf(db: Database, sessionId: SessionId, phase: Phase): void {
  db.sql(putPhase).run(sessionId, ...phaseTable.toSql(phase));
}

/** Appends the events to the session's chain. @returns them with their `seq` */
export function appendEvents(
  db: Database,
  sessionId: SessionId,
  events: readonly DomainEvent[],
): readonly RecordedEvent[] {
  const last = events.length === 0 ? undefined : db.sql(lastEvent).get(sessionId);
  let hash = String(last?.hash ?? '');
  let seq = Number(last?.seq ?? 0);
  return events.map((event) => {
    seq += 1;
    const recorded: RecordedEvent = { ...event, seq };
    hash = eventHash(hash, recorded);
    db.sql(insertEvent).run(hash, ...eventTable.toSql(recorded));
    return recorded;
  });
}

export function insertArtifacts(
  db: Database,
  sessionId: SessionId,
  artifacts: readonly ArtifactRecord[],
): void {
  for (const artifact of artifacts) {
    db.sql(insertArtifact).run(sessionId, ...artifactTable.toSql(artifact), sessionId, artifact.path);
  }
}
