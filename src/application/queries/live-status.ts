import { activeMs } from '../../domain/active-time.ts';
import { type Agent, isStartable } from '../../domain/agent.ts';
import type { AgentId, SessionId } from '../../domain/ids.ts';
import type { InputRequest } from '../../domain/input-request.ts';
import type { Session } from '../../domain/session.ts';
import type { WaitCause } from '../../domain/waiting.ts';
import type { Workflow } from '../../domain/workflow.ts';
import type { StoredMilestone } from '../ports/milestones.ts';
import type { SessionStore } from '../ports/session-store.ts';
import { SessionHistory } from '../session/session-history.ts';
import { newestEvents } from './newest-events.ts';
import { type Trouble, troublesOf } from './troubles.ts';

/** Current conditions of sessions and agents in addition to their states, shared by the command line and clients. */

/** Open requests that are shown of a session. */
const maxRequests = 50;

/** Conditions of a session derived from its events. */
export interface LiveStatus {
  /** Unix milliseconds. */
  readonly now: number;
  /** Why the owner could not run the session, if that is why it is paused; null otherwise. */
  readonly stalled: string | null;
  /** Problems beside the work, or that keep MAOS from reaching an agent. */
  readonly troubles: readonly Trouble[];
  /** What its agents ask and nobody has answered, the longest waiting first; at most {@link maxRequests}. */
  readonly requests: readonly InputRequest[];
  /** The last recorded reason why each ready agent is not started. */
  readonly waiting: ReadonlyMap<AgentId, WaitCause>;
  /** The latest report of each running agent in its current attempt. */
  readonly reports: ReadonlyMap<AgentId, StoredMilestone>;
  /** How long the session has run, in milliseconds, without pauses. 0 unless a budget limits it. */
  readonly sessionRanMs: number;
  /** How long the agent's current attempt has run, in milliseconds, without suspensions. 0 unless a budget limits it. */
  agentRanMs(agent: Agent): number;
}

/** @param now in Unix milliseconds */
export function liveStatusOf(store: SessionStore, workflow: Workflow, now: number): LiveStatus {
  const { session, agents } = workflow;
  const waiting = waitingReasons(store, workflow);
  const stalled = stallReason(store, session);
  const troubles = troublesOf(store, workflow);
  const reports = reportsOf(store, workflow);
  const requests = openRequests(store, session.id, now);
  if ([session, ...agents].every(({ budget }) => budget.maxWallMs === null)) {
    return { now, waiting, reports, stalled, troubles, requests, sessionRanMs: 0, agentRanMs: () => 0 };
  }
  const history = new SessionHistory();
  history.read(store, session.id);
  const at = new Date(now).toISOString();
  return {
    now,
    waiting,
    reports,
    stalled,
    troubles,
    requests,
    sessionRanMs: history.ranMs(at),
    agentRanMs: (agent) => {
      const { ms, since } = history.suspendedTime(agent.id);
      return Math.max(0, activeMs(agent, since === null ? now : Date.parse(since)) - ms);
    },
  };
}

/** Leaves out requests that are due. They count as expired, although only a process that may write stores that. */
function openRequests(store: SessionStore, sessionId: SessionId, now: number): readonly InputRequest[] {
  const open = store.inputRequests.list({ sessionId, state: 'open', limit: maxRequests });
  return open.filter(({ expiresAt }) => Date.parse(expiresAt) > now).reverse();
}

/**
 * How long a session has run, in milliseconds, without pauses; 0 unless its budget limits it. @param now in Unix
 * milliseconds
 */
export function sessionRanMs(store: SessionStore, session: Session, now: number): number {
  if (session.budget.maxWallMs === null) return 0;
  const history = new SessionHistory();
  history.read(store, session.id);
  return history.ranMs(new Date(now).toISOString());
}

/** Why the owner could not run the session, if that is why it is paused; null otherwise. */
export function stallReason(store: SessionStore, { id, pauseReason }: Session): string | null {
  if (pauseReason !== 'interrupted') return null;
  const event = newestEvents(store, id, ['session.stalled', 'session.resumed']).at(-1);
  return event?.type === 'session.stalled' ? event.data.reason : null;
}

/** Files of agents that were not recorded as artifacts, with the reasons; only from the newest events. */
export function skippedArtifacts(store: SessionStore, id: SessionId): readonly string[] {
  const skipped = newestEvents(store, id, ['artifact.skipped']);
  return skipped.flatMap((event) => (event.type === 'artifact.skipped' ? [event.data.reason] : []));
}

/** Whether the agent's processes are suspended, because it could not be interrupted when the session was paused. */
export function isSuspended(session: Session, agent: Agent): boolean {
  return session.state === 'paused' && agent.state === 'running';
}

/**
 * Until when the agent waits for its provider; null when it does not wait.
 * @param now in Unix milliseconds
 */
export function postponedUntil(agent: Agent, now: number): string | null {
  if (!isStartable(agent.state) || agent.notBefore === null) return null;
  return Date.parse(agent.notBefore) > now ? agent.notBefore : null;
}

function reportsOf(
  store: SessionStore,
  { session, agents }: Workflow,
): ReadonlyMap<AgentId, StoredMilestone> {
  const running = agents.filter(({ state }) => state === 'running');
  if (running.length === 0) return new Map();
  const latest = store.milestones.latest(session.id);
  return new Map(
    running.flatMap(({ id, startedAt }) => {
      const report = latest.get(id);
      // An earlier attempt's report may no longer be true.
      return report === undefined || report.at < (startedAt ?? '') ? [] : [[id, report]];
    }),
  );
}

/**
 * The last recorded reason why each ready agent is not started. Searches only the newest events, so the reason of an
 * agent that has waited for very long may be missing.
 */
function waitingReasons(store: SessionStore, { session, agents }: Workflow): ReadonlyMap<AgentId, WaitCause> {
  const reasons = new Map<AgentId, WaitCause>();
  if (session.state !== 'running') return reasons;
  const completed = new Set(agents.flatMap(({ id, state }) => (state === 'completed' ? [id] : [])));
  const open = new Set<AgentId>();
  for (const { id, state, stage, pool, dependsOn } of agents) {
    // It waits for a host.
    if (pool !== null && state === 'running' && stage === 'preparing') open.add(id);
    if (isStartable(state) && dependsOn.every((upstream) => completed.has(upstream))) open.add(id);
  }
  if (open.size === 0) return reasons;
  for (const event of newestEvents(store, session.id, ['agent.waiting', 'agent.started']).toReversed()) {
    // A reason from before the agent's last start is about an earlier attempt.
    if (event.agentId === null || !open.delete(event.agentId)) continue;
    if (event.type === 'agent.waiting') reasons.set(event.agentId, event.data);
  }
  return reasons;
}
