import { isAbsolute } from 'node:path';
import type { AcpRunRecord } from '../../application/ports/acp-runs.ts';
import type { ArtifactRecord } from '../../application/ports/session-summary.ts';
import { type Agent, agentStates, agentWorkspaces, failureKinds, stdinChoices } from '../../domain/agent.ts';
import { type AgentStage, agentStages } from '../../domain/agent-stage.ts';
import { type Budget, noBudget } from '../../domain/budget.ts';
import { type EventType, type RecordedEvent, readEvent } from '../../domain/events.ts';
import { type AgentId, isAgentId, isSessionId, type SessionId } from '../../domain/ids.ts';
import { type Phase, type Progress, phaseStates } from '../../domain/orchestration.ts';
import { agentNamePattern } from '../../domain/plan-names.ts';
import { poolPattern } from '../../domain/pool.ts';
import {
  exitPolicies,
  failurePolicies,
  landPolicies,
  parentEndPolicies,
  pauseReasons,
  type Session,
  type SessionKey,
  type SessionParent,
  sessionApprovals,
  sessionStates,
  storedStrategies,
} from '../../domain/session.ts';
import type { Usage } from '../../domain/usage.ts';
import {
  choice,
  document,
  emptyAsNull,
  type Field,
  group,
  integer,
  json,
  nullable,
  option,
  type Row,
  real,
  since,
  table,
  text,
  time,
  zeroAsNull,
} from './table.ts';

/** Every table of `project.db`, declared once for reading and writing. Each declaration says what it leaves out. */

const sessionId = (column: string) =>
  text<SessionId>(column, { allows: isSessionId, rule: 'is not a session id' });
const agentId = (column: string) => text<AgentId>(column, { allows: isAgentId, rule: 'is not an agent id' });

const budget = (column: string): Field<Budget> =>
  emptyAsNull(
    document(column, 'budget'),
    (value) => Object.values(value).every((cap) => cap === null),
    (value) => (value === null ? noBudget : { ...noBudget, ...value }),
  );

/** Negative after the clock was set back. Instances of earlier versions that still run do not record it. */
const inactiveMs = since(0, integer('inactive_ms', { min: Number.MIN_SAFE_INTEGER }));

/** Without the lease and the requests, which `session-ownership.ts` handles. */
export const sessionTable = table<Session>(
  {
    id: sessionId('id'),
    state: choice('state', sessionStates),
    strategy: choice('strategy', storedStrategies),
    failurePolicy: choice('failure_policy', failurePolicies),
    onExit: choice('on_exit', exitPolicies),
    limits: group({
      maxConcurrency: nullable(integer('max_concurrency')),
      maxAgentsPerRole: nullable(integer('max_agents_per_role')),
    }),
    depth: integer('depth'),
    parent: since(
      null,
      nullable(
        group<SessionParent>({
          sessionId: sessionId('parent_session_id'),
          agentId: agentId('parent_agent_id'),
          onEnd: choice('on_parent_end', parentEndPolicies),
        }),
      ),
    ),
    pauseReason: nullable(choice('pause_reason', pauseReasons)),
    resumeAt: nullable(time('resume_at')),
    createdAt: time('created_at'),
    startedAt: nullable(time('started_at')),
    endedAt: nullable(time('ended_at')),
    inactiveMs,
    objective: text('objective'),
    budget: budget('budget'),
    idempotency: since(
      null,
      nullable(group<SessionKey>({ key: text('idempotency_key'), planDigest: text('plan_digest') })),
    ),
    folder: since(null, nullable(text('folder', { allows: isAbsolute, rule: 'is not an absolute path' }))),
    approvals: option(choice('approvals', sessionApprovals)),
    repository: option(document('repository', 'repositoryStart')),
    verify: option(document('verify', 'verifyRules')),
    land: option(choice('land', landPolicies)),
    landing: option(document('landing', 'landing')),
  },
  (row) => `Session ${row.id}`,
  'options',
);

/** Null when no usage was reported. For an agent's row, and for sums with the same column names. */
export const usageFields = nullable(
  group<Usage>({
    turns: integer('usage_turns'),
    inputTokens: integer('usage_input_tokens'),
    outputTokens: integer('usage_output_tokens'),
    cacheReadTokens: integer('usage_cache_read_tokens'),
    cacheWriteTokens: integer('usage_cache_write_tokens'),
    costUsd: nullable(real('usage_cost_usd')),
  }),
);

/** An instance of an earlier version that still runs records no stage; its agents' launch records supply the rest. */
const stage: Field<AgentStage | null> = {
  ...nullable(choice('stage', agentStages)),
  fromSql: ({ state, stage: stored }) =>
    state === 'running' ? ((stored ?? 'preparing') as AgentStage) : null,
};

/** Without `position`, its index in the workflow, and `dependsOn`, which has its own table. */
export const agentTable = table<Omit<Agent, 'dependsOn'>>(
  {
    id: agentId('id'),
    sessionId: sessionId('session_id'),
    state: choice('state', agentStates),
    usage: usageFields,
    phase: integer('phase'),
    attempt: integer('attempt'),
    name: text('name', {
      allows: (name) => agentNamePattern.test(name),
      rule: 'is not a valid agent name',
    }),
    role: group({ name: text('role'), custom: nullable(document('role_custom', 'customRole')) }),
    ordinal: integer('ordinal', { min: 1 }),
    instance: text('instance'),
    backend: text('backend'),
    backends: option(document('backends', 'backendChoices')),
    command: nullable(document('command', 'command')),
    stdin: option(choice('stdin', stdinChoices)),
    model: nullable(text('model')),
    workspace: choice('workspace', agentWorkspaces),
    pool: option(
      text('pool', { allows: (name) => poolPattern.test(name), rule: 'is not the name of a pool' }),
    ),
    rerunOnLost: option(integer('rerun_on_lost', { min: 1 })),
    worktree: option(document('worktree', 'worktreeSetup')),
    verify: option(document('verify', 'verifyRules')),
    lands: option(document('lands', 'agentReference')),
    timeoutMs: zeroAsNull('timeout_ms'),
    maxMemoryMb: zeroAsNull('max_memory_mb'),
    maxSubagents: option(integer('max_subagents')),
    conversation: nullable(text('conversation')),
    where: option(text('where')),
    startedAt: nullable(time('started_at')),
    endedAt: nullable(time('ended_at')),
    inactiveMs,
    failure: nullable(
      group({
        kind: choice('failure_kind', failureKinds),
        message: text('failure_message'),
        stderrTail: text('failure_stderr_tail'),
      }),
    ),
    result: nullable(text('result')),
    task: text('task'),
    budget: budget('budget'),
    usageBefore: nullable(document('usage_before', 'usage')),
    carried: option(document('carried', 'usage')),
    resumed: nullable(text('resumed')),
    notBefore: nullable(time('not_before')),
    postponed: integer('postponed'),
    reruns: option(integer('reruns', { min: 1 })),
    lingering: since(null, nullable(document('lingering', 'lingering'))),
    denials: since(null, nullable(document('denials', 'denials'))),
    subagents: since(0, integer('subagents')),
    stage: since(null, stage),
    work: option(document('work', 'agentWork')),
    proof: option(document('proof', 'proof')),
  },
  (row) => `Agent ${row.id}`,
  'options',
);

export const phaseTable = table<Phase>(
  { index: integer('idx'), state: choice('state', phaseStates) },
  (row) => `Phase ${row.idx}`,
);

/** An event as it is stored. */
interface EventRecord {
  readonly sessionId: SessionId;
  readonly seq: number;
  readonly type: EventType;
  readonly agentId: AgentId | null;
  readonly at: string;
  readonly data: unknown;
}

export const eventTable = table<EventRecord>(
  {
    sessionId: sessionId('session_id'),
    seq: integer('seq', { min: 1 }),
    type: text('type'),
    agentId: nullable(agentId('agent_id')),
    at: time('at'),
    data: json('data'),
  },
  (row) => `Event ${row.seq} of session ${row.session_id}`,
);

/** @throws MaosError STORE_CORRUPT */
export function eventOf(row: Row): RecordedEvent {
  return readEvent(eventTable.fromSql(row));
}

/** `revision` counts the records of one path. */
export const artifactTable = table<ArtifactRecord>(
  {
    path: text('path'),
    sizeBytes: integer('size_bytes'),
    sha256: text('sha256'),
    by: nullable(agentId('agent_id')),
    candidates: json('candidates'),
    recordedAt: time('recorded_at'),
  },
  (row) => `Artifact ${row.path}`,
);

export const acpRunTable = table<AcpRunRecord>(
  { acpSession: text('acp_session'), input: json('input') },
  (row) => `Run ${row.session_id}`,
);

export function progressOf(row: Row): Progress {
  const { total, pending, running, completed, failed, cancelled, resumable } = row;
  return { total, pending, running, completed, failed, cancelled, resumable } as Progress;
}
