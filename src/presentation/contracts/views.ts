import type { ShownClaim } from '../../application/claims/path-claims.ts';
import type { SessionSummary } from '../../application/ports/session-summary.ts';
import { isSuspended, type LiveStatus, postponedUntil } from '../../application/queries/live-status.ts';
import { type Agent, lingeringText } from '../../domain/agent.ts';
import type { BackendChoice } from '../../domain/backend-choice.ts';
import type { BudgetItem } from '../../domain/budget.ts';
import { type BudgetShare, budgetShares } from '../../domain/budget.ts';
import { endOf, shorten } from '../../domain/cut-text.ts';
import { descriptorOf, type RecordedEvent } from '../../domain/events.ts';
import { fallbackText } from '../../domain/fallback.ts';
import { milestoneText } from '../../domain/milestone.ts';
import { type Progress, progressOf } from '../../domain/orchestration.ts';
import { type FileRole, isFileRole } from '../../domain/roles/file-role.ts';
import type { Role } from '../../domain/roles/role.ts';
import type { Session } from '../../domain/session.ts';
import { totalUsage, type Usage } from '../../domain/usage.ts';
import { waitSentence, waitText } from '../../domain/waiting.ts';
import { verifyingText } from '../../domain/work-text.ts';
import type { Workflow } from '../../domain/workflow.ts';
import { requestView } from './request-view.ts';
import { withSnakeCase } from './snake-case.ts';
import { agentWorkView, sessionWorkView } from './work-view.ts';

/**
 * The external form of sessions and agents: JSON with snake_case keys. `--json`, resources and `/events` return it
 * unchanged; MCP tools, whose answers must be short, return the selection in `session-answers.ts`. Missing means null.
 */

export const usageKeys = [
  'input_tokens',
  'output_tokens',
  'cache_read_tokens',
  'cache_write_tokens',
  'turns',
  'cost_usd',
] as const;

function usageView(usage: Usage | null): Readonly<Record<UsageKey, number | null>> | null {
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

export type UsageKey = (typeof usageKeys)[number];
export type SessionView = ReturnType<typeof sessionView>;
export type AgentView = ReturnType<typeof agentView>;

/** How much of each limit is used; missing without limits. `wall_ms` is in milliseconds. */
function budgetView(shares: readonly BudgetShare[]) {
  if (shares.length === 0) return {};
  return {
    budget: Object.fromEntries(shares.map(({ item, spent, cap }) => [item, { spent, cap }])) as BudgetView,
  };
}

export type BudgetView = Partial<
  Readonly<Record<BudgetItem, { readonly spent: number; readonly cap: number }>>
>;

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
    ...(session.approvals === null ? {} : { approvals: session.approvals }),
    ...parentView(session),
    ...sessionWorkView(session),
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

/** @param ranMs how long it has run, in milliseconds, as its budget counts it */
export function summaryView(summary: SessionSummary, ranMs: number) {
  return sessionView(summary.session, summary.progress, summary.usage, ranMs);
}

/** The context of an agent's view. */
export interface AgentSurroundings {
  readonly session: Session;
  readonly names: ReadonlyMap<string, string>;
  /** The facts from its events; null if they were not read. */
  readonly liveStatus: LiveStatus | null;
}

/** Default maximum characters of its texts. */
const usualText = { failure: 500, result: 600 };

export function agentView(
  agent: Agent,
  { session, names, liveStatus }: AgentSurroundings,
  maxText: { readonly failure: number; readonly result: number } = usualText,
) {
  const waits = liveStatus?.waiting.get(agent.id);
  const until = liveStatus === null ? null : postponedUntil(agent, liveStatus.now);
  const report = liveStatus?.reports.get(agent.id);
  return {
    agent_id: agent.id,
    name: agent.name,
    role: agent.role.name,
    state: agent.state,
    ...(agent.stage === null ? {} : { stage: agent.stage }),
    backend: agent.backend,
    ...(agent.where === null ? {} : { where: agent.where }),
    ...(agent.model === null ? {} : { model: agent.model }),
    ...(agent.backends === null ? {} : { backends: agent.backends.map(choiceView) }),
    phase: agent.phase,
    depends_on: agent.dependsOn.map((id) => names.get(id) ?? id),
    attempt: agent.attempt,
    ...(isSuspended(session, agent) ? { suspended: true } : {}),
    ...(waits === undefined ? {} : { waiting: waitSentence(waits) }),
    ...(until === null ? {} : { postponed_until: until }),
    ...(agent.lingering === null ? {} : { result_given: agent.lingering }),
    ...(report === undefined ? {} : { report }),
    ...(agent.denials === null ? {} : { permission_denials: agent.denials }),
    ...(agent.subagents === 0 ? {} : { subagents: agent.subagents }),
    ...agentWorkView(agent, maxText.failure),
    ...noteView(agent, session, liveStatus),
    started_at: agent.startedAt,
    ended_at: agent.endedAt,
    ...(agent.failure === null
      ? {}
      : {
          failure: {
            kind: agent.failure.kind,
            message: shorten(agent.failure.message, maxText.failure),
            stderr_tail: endOf(agent.failure.stderrTail, maxText.failure),
          },
        }),
    result: agent.result === null ? null : shortenResult(agent, maxText.result),
    usage: usageView(agent.usage),
    ...budgetView(budgetShares(agent.budget, agent.usage, liveStatus?.agentRanMs(agent) ?? 0)),
  };
}

function choiceView({ backend, model, until }: BackendChoice) {
  return { backend, model, refused_until: until };
}

/**
 * Suspended, finished but not ended, waiting for its provider, or the reason why it waits; its check or fix round; and
 * what it was not permitted to do.
 */
function noteView(agent: Agent, session: Session, liveStatus: LiveStatus | null) {
  const denied =
    agent.denials === null
      ? []
      : [`not permitted (${agent.denials.count}): ${agent.denials.shown.join(', ')}`];
  const fell = fallbackText(agent);
  const checked = verifyingText(agent);
  const notes = [
    ...statusNotes(agent, session, liveStatus),
    ...(checked === null ? [] : [shorten(checked, 150)]),
    ...(fell === null ? [] : [fell]),
    ...denied,
  ];
  return notes.length === 0 ? {} : { note: notes.join('; ') };
}

function statusNotes(agent: Agent, session: Session, liveStatus: LiveStatus | null): readonly string[] {
  if (isSuspended(session, agent)) return ['suspended'];
  if (agent.lingering !== null) return [shorten(lingeringText(agent.lingering), 150)];
  if (liveStatus === null) return [];
  const until = postponedUntil(agent, liveStatus.now);
  if (until !== null) return [`rate limited, retrying at ${until}`];
  const report = liveStatus.reports.get(agent.id);
  if (report !== undefined) return [shorten(`reported: ${milestoneText(report)}`, 150)];
  const why = liveStatus.waiting.get(agent.id);
  return why === undefined ? [] : [`waits: ${shorten(waitText(why), 150)}`];
}

export function namesOf(agents: readonly Agent[]): ReadonlyMap<string, string> {
  return new Map(agents.map((agent) => [agent.id, agent.name]));
}

/** @param liveStatus the facts from its events; null if they were not read */
export function workflowView(workflow: Workflow, liveStatus: LiveStatus | null = null) {
  const { session, agents } = workflow;
  const around = { session, names: namesOf(agents), liveStatus };
  const usage = totalUsage(agents.map((agent) => agent.usage));
  return {
    ...sessionView(session, progressOf(agents), usage, liveStatus?.sessionRanMs ?? 0),
    ...(liveStatus === null || liveStatus.stalled === null ? {} : { stalled: liveStatus.stalled }),
    ...(liveStatus === null || liveStatus.troubles.length === 0 ? {} : { troubles: liveStatus.troubles }),
    ...(liveStatus === null || liveStatus.requests.length === 0
      ? {}
      : { requests: liveStatus.requests.map((request) => requestView(request, around.names)) }),
    agents: agents.map((agent) => agentView(agent, around)),
  };
}

export function claimView({ path, agent, reason, claimedAt, expiresAt }: ShownClaim) {
  return { path, agent, reason, claimed_at: claimedAt, expires_at: expiresAt };
}

/**
 * The record as in session.log, with its keys in snake_case too, and with the fields that programs received before events
 * were structured.
 */
export function eventView(event: RecordedEvent) {
  const published = descriptorOf(event.type)?.published?.(event.data);
  return {
    seq: event.seq,
    at: event.at,
    type: event.type,
    session_id: event.sessionId,
    agent_id: event.agentId,
    data: withSnakeCase({ ...event.data, ...published }),
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

/** The important part of a command's output is at the end, that of a message at the beginning. */
function shortenResult({ command, result }: Agent, max: number): string {
  const text = result ?? '';
  return command !== null && text.length > max ? `…${endOf(text, max - 1)}` : shorten(text, max);
}
