import type { SessionSummary } from '../../application/ports.ts';
import type { Agent } from '../../domain/agent.ts';
import type { RecordedEvent } from '../../domain/events.ts';
import { type Progress, progressOf } from '../../domain/orchestration.ts';
import type { Role } from '../../domain/roles/role.ts';
import type { Session } from '../../domain/session.ts';
import { totalUsage, type Usage } from '../../domain/usage.ts';
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

function sessionView(session: Session, progress: Progress, usage: Usage | null) {
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
    created_at: session.createdAt,
    started_at: session.startedAt,
    ended_at: session.endedAt,
    progress,
    usage: usageView(usage),
  };
}

export function summaryView(summary: SessionSummary) {
  return sessionView(summary.session, summary.progress, summary.usage);
}

function agentView(agent: Agent, names: ReadonlyMap<string, string>) {
  return {
    agent_id: agent.id,
    name: agent.name,
    role: agent.role.name,
    state: agent.state,
    backend: agent.backend,
    phase: agent.phase,
    depends_on: agent.dependsOn.map((id) => names.get(id) ?? id),
    attempt: agent.attempt,
    started_at: agent.startedAt,
    ended_at: agent.endedAt,
    ...(agent.failure === null
      ? {}
      : {
          failure: {
            kind: agent.failure.kind,
            message: shorten(agent.failure.message, 500),
            stderr_tail: agent.failure.stderrTail.slice(-500),
          },
        }),
    result: agent.result === null ? null : shortenResult(agent, 600),
    usage: usageView(agent.usage),
  };
}

export function workflowView(workflow: Workflow) {
  const names = new Map(workflow.agents.map((agent) => [agent.id as string, agent.name]));
  const usage = totalUsage(workflow.agents.map((agent) => agent.usage));
  return {
    ...sessionView(workflow.session, progressOf(workflow.agents), usage),
    agents: workflow.agents.map((agent) => agentView(agent, names)),
  };
}

/** The record as it stands in session.log. */
export function eventView(event: RecordedEvent) {
  return {
    seq: event.seq,
    at: event.at,
    type: event.type,
    session_id: event.sessionId,
    agent_id: event.agentId,
    data: event.data,
  };
}

export function roleView(role: Role) {
  return {
    name: role.name,
    title: role.title,
    description: role.description,
    responsibilities: role.responsibilities,
    capabilities: role.capabilities,
    default_timeout_minutes: role.defaultTimeoutMinutes,
    default_max_memory_mb: role.defaultMaxMemoryMb,
    predefined: role.predefined,
  };
}

/** What matters of a command's output stands at its end, and of a message at its beginning. */
function shortenResult({ backend, result }: Agent, max: number): string {
  const text = result ?? '';
  return backend === 'command' && text.length > max ? `…${text.slice(1 - max)}` : shorten(text, max);
}

function shorten(text: string, max: number): string {
  return text.length > max ? `${text.slice(0, max - 1)}…` : text;
}
