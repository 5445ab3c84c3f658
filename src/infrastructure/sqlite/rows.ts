import type { SQLInputValue } from 'node:sqlite';
import type { ArtifactRecord } from '../../application/ports/session-summary.ts';
import type { Agent, AgentFailure, AgentRole } from '../../domain/agent.ts';
import { type Budget, noBudget } from '../../domain/budget.ts';
import { MaosError } from '../../domain/errors.ts';
import type { RecordedEvent } from '../../domain/events.ts';
import type { AgentId } from '../../domain/ids.ts';
import type { Progress } from '../../domain/orchestration.ts';
import type { Session } from '../../domain/session.ts';
import type { Usage } from '../../domain/usage.ts';

/** A row as node:sqlite returns it. STRICT tables and CHECK constraints hold types and states; JSON is checked here. */
export type Row = Readonly<Record<string, unknown>>;

/** One column of a table and its value for a record: the only list of columns for reading and writing alike. */
export interface Column<T> {
  readonly name: string;
  readonly value: (record: T) => SQLInputValue;
}

export function column<T>(name: string, value: (record: T) => SQLInputValue): Column<T> {
  return { name, value };
}

export function columnNames<T>(columns: readonly Column<T>[]): string {
  return columns.map(({ name }) => name).join(', ');
}

export function columnValues<T>(columns: readonly Column<T>[], record: T): SQLInputValue[] {
  return columns.map(({ value }) => value(record));
}

export function placeholders(columns: readonly unknown[]): string {
  return columns.map(() => '?').join(', ');
}

/** `a = ?, b = ?` for an UPDATE. */
export function assignments<T>(columns: readonly Column<T>[]): string {
  return columns.map(({ name }) => `${name} = ?`).join(', ');
}

/**
 * Problem: on older supported Nodes, text read from SQLite ends at its first NUL (Node 22.13), and agents do print NULs.
 * Solution: store the replacement character instead. JSON columns need none of this: JSON escapes it.
 */
export function text<T extends string | null>(value: T): T {
  return (value?.includes('\0') ? value.replaceAll('\0', '\uFFFD') : value) as T;
}

function json(value: unknown): string | null {
  return value === null ? null : JSON.stringify(value);
}

/** @throws MaosError STORE_CORRUPT */
export function parseJson<T>(value: unknown, where: string): T {
  try {
    return JSON.parse(String(value)) as T;
  } catch (cause) {
    throw new MaosError(
      'STORE_CORRUPT',
      `${where} holds no valid JSON. Put a backup of the database in its place.`,
      {
        details: { where },
        cause,
      },
    );
  }
}

// ---------------------------------------------------------------- sessions

export const sessionColumns: readonly Column<Session>[] = [
  column('id', (session) => session.id),
  column('state', (session) => session.state),
  column('strategy', (session) => session.strategy),
  column('failure_policy', (session) => session.failurePolicy),
  column('on_exit', (session) => session.onExit),
  column('max_concurrency', (session) => session.limits.maxConcurrency),
  column('max_agents_per_role', (session) => session.limits.maxAgentsPerRole),
  column('depth', (session) => session.depth),
  column('pause_reason', (session) => session.pauseReason),
  column('resume_at', (session) => session.resumeAt),
  column('created_at', (session) => session.createdAt),
  column('started_at', (session) => session.startedAt),
  column('ended_at', (session) => session.endedAt),
  column('objective', (session) => text(session.objective)),
  column('budget', (session) => json(capped(session.budget))),
  column('folder', (session) => session.folder),
  column('parent_session_id', (session) => session.parent?.sessionId ?? null),
  column('parent_agent_id', (session) => session.parent?.agentId ?? null),
  column('on_parent_end', (session) => session.parent?.onEnd ?? null),
];

export function sessionOf(row: Row): Session {
  return {
    id: row.id,
    objective: row.objective,
    strategy: row.strategy,
    failurePolicy: row.failure_policy,
    onExit: row.on_exit,
    limits: { maxConcurrency: row.max_concurrency, maxAgentsPerRole: row.max_agents_per_role },
    budget: budgetOf(row.budget, `Session ${row.id}`),
    depth: row.depth,
    parent:
      row.parent_agent_id === null
        ? null
        : { sessionId: row.parent_session_id, agentId: row.parent_agent_id, onEnd: row.on_parent_end },
    folder: row.folder,
    state: row.state,
    pauseReason: row.pause_reason,
    resumeAt: row.resume_at,
    createdAt: row.created_at,
    startedAt: row.started_at,
    endedAt: row.ended_at,
  } as Session;
}

// ---------------------------------------------------------------- agents

/** All but `position`, which is its place in the workflow, and `dependsOn`, which has its own table. */
export const agentColumns: readonly Column<Agent>[] = [
  column('id', (agent) => agent.id),
  column('session_id', (agent) => agent.sessionId),
  column('state', (agent) => agent.state),
  column('usage_input_tokens', (agent) => agent.usage?.inputTokens ?? null),
  column('usage_output_tokens', (agent) => agent.usage?.outputTokens ?? null),
  column('usage_cache_read_tokens', (agent) => agent.usage?.cacheReadTokens ?? null),
  column('usage_cache_write_tokens', (agent) => agent.usage?.cacheWriteTokens ?? null),
  column('usage_turns', (agent) => agent.usage?.turns ?? null),
  column('usage_cost_usd', (agent) => agent.usage?.costUsd ?? null),
  column('phase', (agent) => agent.phase),
  column('attempt', (agent) => agent.attempt),
  column('name', (agent) => agent.name),
  column('role', (agent) => agent.role.name),
  column('role_custom', (agent) => json(agent.role.custom)),
  column('ordinal', (agent) => agent.ordinal),
  column('instance', (agent) => agent.instance),
  column('backend', (agent) => agent.backend),
  column('command', (agent) => json(agent.command)),
  column('model', (agent) => agent.model),
  column('workspace', (agent) => agent.workspace),
  column('timeout_ms', (agent) => agent.timeoutMs),
  column('max_memory_mb', (agent) => agent.maxMemoryMb),
  column('conversation', (agent) => text(agent.conversation)),
  column('started_at', (agent) => agent.startedAt),
  column('ended_at', (agent) => agent.endedAt),
  column('failure_kind', (agent) => agent.failure?.kind ?? null),
  column('failure_message', (agent) => text(agent.failure?.message ?? null)),
  column('failure_stderr_tail', (agent) => text(agent.failure?.stderrTail ?? null)),
  column('result', (agent) => text(agent.result)),
  column('task', (agent) => text(agent.task)),
  column('budget', (agent) => json(capped(agent.budget))),
  column('usage_before', (agent) => json(agent.usageBefore)),
  column('resumed', (agent) => text(agent.resumed)),
  column('not_before', (agent) => agent.notBefore),
  column('postponed', (agent) => agent.postponed),
  column('lingering', (agent) => json(agent.lingering)),
  column('denials', (agent) => json(agent.denials)),
];

/** @throws MaosError STORE_CORRUPT */
export function agentOf(row: Row, dependsOn: readonly AgentId[]): Agent {
  const where = `Agent ${row.id}`;
  const role = {
    name: row.role,
    custom: row.role_custom === null ? null : parseJson(row.role_custom, where),
  } as AgentRole;
  const failure = {
    kind: row.failure_kind,
    message: row.failure_message,
    stderrTail: row.failure_stderr_tail,
  } as AgentFailure;
  return {
    id: row.id,
    sessionId: row.session_id,
    name: row.name,
    role,
    ordinal: row.ordinal,
    instance: row.instance,
    task: row.task,
    backend: row.backend,
    command: row.command === null ? null : parseJson(row.command, where),
    model: row.model,
    workspace: row.workspace,
    timeoutMs: row.timeout_ms,
    maxMemoryMb: row.max_memory_mb,
    budget: budgetOf(row.budget, where),
    phase: row.phase,
    dependsOn,
    state: row.state,
    attempt: row.attempt,
    failure: row.failure_kind === null ? null : failure,
    result: row.result,
    usage: usageOf(row),
    usageBefore: row.usage_before === null ? null : parseJson(row.usage_before, where),
    conversation: row.conversation,
    resumed: row.resumed,
    notBefore: row.not_before,
    postponed: row.postponed,
    lingering: row.lingering === null ? null : parseJson(row.lingering, where),
    denials: row.denials === null ? null : parseJson(row.denials, where),
    startedAt: row.started_at,
    endedAt: row.ended_at,
  } as Agent;
}

/** Null for a budget without any cap: that is what most are. */
function capped(budget: Budget): Budget | null {
  return Object.values(budget).every((cap) => cap === null) ? null : budget;
}

function budgetOf(value: unknown, where: string): Budget {
  return value === null ? noBudget : { ...noBudget, ...parseJson<Budget>(value, where) };
}

/** Of an agent's row, or of sums under the same names; null when nothing was reported. */
export function usageOf(row: Row): Usage | null {
  if (row.usage_turns === null) return null;
  return {
    inputTokens: row.usage_input_tokens,
    outputTokens: row.usage_output_tokens,
    cacheReadTokens: row.usage_cache_read_tokens,
    cacheWriteTokens: row.usage_cache_write_tokens,
    turns: row.usage_turns,
    costUsd: row.usage_cost_usd,
  } as Usage;
}

export function progressOf(row: Row): Progress {
  const { total, pending, running, completed, failed, cancelled, resumable } = row;
  return { total, pending, running, completed, failed, cancelled, resumable } as Progress;
}

// ---------------------------------------------------------------- events and artifacts

/** @throws MaosError STORE_CORRUPT */
export function eventOf(row: Row): RecordedEvent {
  return {
    type: row.type,
    sessionId: row.session_id,
    agentId: row.agent_id,
    at: row.at,
    data: parseJson(row.data, `Event ${row.seq} of session ${row.session_id}`),
    seq: row.seq,
  } as RecordedEvent;
}

/** @throws MaosError STORE_CORRUPT */
export function artifactOf(row: Row): ArtifactRecord {
  return {
    path: row.path,
    sizeBytes: row.size_bytes,
    sha256: row.sha256,
    by: row.agent_id,
    candidates: parseJson(row.candidates, `Artifact ${row.path}`),
    recordedAt: row.recorded_at,
  } as ArtifactRecord;
}
