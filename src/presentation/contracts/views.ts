import type { SessionSummary } from '../../application/ports/session-summary.ts';
import {
  type BudgetShare,
  budgetShares,
  isSuspended,
  type LiveStatus,
  postponedUntil,
} from '../../application/queries/live-status.ts';
import type { Agent } from '../../domain/agent.ts';
import { endOf, shorten } from '../../domain/cut-text.ts';
import { descriptorOf, type RecordedEvent } from '../../domain/events.ts';
import { type Progress, progressOf } from '../../domain/orchestration.ts';
import { type FileRole, isFileRole } from '../../domain/roles/file-role.ts';
import type { Role } from '../../domain/roles/role.ts';
import type { Session } from '../../domain/session.ts';
import { totalUsage, type Usage } from '../../domain/usage.ts';
import { waitSentence } from '../../domain/waiting.ts';
import type { Workflow } from '../../domain/workflow.ts';

/** How MAOS's data looks outside: JSON with snake_case keys, the same in MCP, ACP and `--json`. Absent means null. */

function usageView(usage: Usage | null) {
  if (usage === null) return null;
  return {
    input_tokens: usage.inputTokens,
    output_tokens: usage.outputTokens,
    cache_read_tokens: usage.cacheReadTokens,
    cache_write_tokens: usage.cacheWriteTokens,
    turns: usage.turns,
    cost_usd: usage.costUsd,
  };
}

/** What of each cap is used up; absent where there is none. `wall_ms` in milliseconds. */
function budgetView(shares: readonly BudgetShare[]) {
  if (shares.length === 0) return {};
  return { budget: Object.fromEntries(shares.map(({ item, spent, cap }) => [item, { spent, cap }])) };
}

function sessionView(session: Session, progress: Progress, usage: Usage | null, ranMs: number) {
  return {
    session_id: session.id,
    state: session.state,
    ...(session.pauseReason === null
      ? {}
      : { pause_reason: session.pauseReason, resume_at: session.resumeAt }),
    objective: shorten(session.objective, 500),
    strategy: session.strategy,
    failure_policy: session.failurePolicy,
    on_exit: session.onExit,
    ...parentView(session),
    created_at: session.createdAt,
    started_at: session.startedAt,
    ended_at: session.endedAt,
    progress,
    usage: usageView(usage),
    ...budgetView(budgetShares(session.budget, usage, ranMs)),
  };
}

function parentView({ parent }: Session) {
  if (parent === null) return {};
  return {
    parent_session_id: parent.sessionId,
    parent_agent_id: parent.agentId,
    on_parent_end: parent.onEnd,
  };
}

/** @param ranMs milliseconds it has run, as its budget counts them */
export function summaryView(summary: SessionSummary, ranMs: number) {
  return sessionView(summary.session, summary.progress, summary.usage, ranMs);
}

function agentView(
  agent: Agent,
  session: Session,
  names: ReadonlyMap<string, string>,
  standing: LiveStatus | null,
) {
  const waits = standing?.waiting.get(agent.id);
  const until = standing === null ? null : postponedUntil(agent, standing.now);
  return {
    agent_id: agent.id,
    name: agent.name,
    role: agent.role.name,
    state: agent.state,
    ...(agent.stage === null ? {} : { stage: agent.stage }),
    backend: agent.backend,
    phase: agent.phase,
    depends_on: agent.dependsOn.map((id) => names.get(id) ?? id),
    attempt: agent.attempt,
    ...(isSuspended(session, agent) ? { suspended: true } : {}),
    ...(waits === undefined ? {} : { waiting: waitSentence(waits) }),
    ...(until === null ? {} : { postponed_until: until }),
    ...(agent.lingering === null ? {} : { result_given: agent.lingering }),
    ...(agent.denials === null ? {} : { permission_denials: agent.denials }),
    started_at: agent.startedAt,
    ended_at: agent.endedAt,
    ...(agent.failure === null
      ? {}
      : {
          failure: {
            kind: agent.failure.kind,
            message: shorten(agent.failure.message, 500),
            stderr_tail: endOf(agent.failure.stderrTail, 500),
          },
        }),
    result: agent.result === null ? null : shortenResult(agent, 600),
    usage: usageView(agent.usage),
    ...budgetView(budgetShares(agent.budget, agent.usage, standing?.agentRanMs(agent) ?? 0)),
  };
}

/** @param standing what its events tell besides; null where they are not asked */
export function workflowView(workflow: Workflow, standing: LiveStatus | null = null) {
  const { session, agents } = workflow;
  const names = new Map(agents.map((agent) => [agent.id as string, agent.name]));
  const usage = totalUsage(agents.map((agent) => agent.usage));
  return {
    ...sessionView(session, progressOf(agents), usage, standing?.sessionRanMs ?? 0),
    ...(standing === null || standing.stalled === null ? {} : { stalled: standing.stalled }),
    ...(standing === null || standing.troubles.length === 0 ? {} : { troubles: standing.troubles }),
    agents: agents.map((agent) => agentView(agent, session, names, standing)),
  };
}

/** The record as it stands in session.log, with what programs were told besides before events held it in parts. */
export function eventView(event: RecordedEvent) {
  const published = descriptorOf(event.type)?.published?.(event.data);
  return {
    seq: event.seq,
    at: event.at,
    type: event.type,
    session_id: event.sessionId,
    agent_id: event.agentId,
    data: { ...event.data, ...published },
  };
}

export function roleView(role: Role | FileRole) {
  return {
    name: role.name,
    title: role.title,
    description: role.description,
    responsibilities: role.responsibilities,
    capabilities: role.capabilities,
    default_timeout_minutes: role.defaultTimeoutMinutes,
    default_max_memory_mb: role.defaultMaxMemoryMb,
    predefined: role.predefined,
    ...(isFileRole(role) ? fileView(role) : {}),
  };
}

function fileView({ source, path, backend, model, tools, deniedTools }: FileRole) {
  return { source, path, backend, model: model?.name ?? null, tools, denied_tools: deniedTools };
}

/** What matters of a command's output stands at its end, and of a message at its beginning. */
function shortenResult({ command, result }: Agent, max: number): string {
  const text = result ?? '';
  return command !== null && text.length > max ? `…${endOf(text, max - 1)}` : shorten(text, max);
}
