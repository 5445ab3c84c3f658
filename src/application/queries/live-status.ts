import { activeMs } from '../../domain/active-time.ts';
import { type Agent, isStartable } from '../../domain/agent.ts';
import type { AgentId, SessionId } from '../../domain/ids.ts';
import type { Session } from '../../domain/session.ts';
import type { WaitCause } from '../../domain/waiting.ts';
import type { Workflow } from '../../domain/workflow.ts';
import type { SessionStore } from '../ports/session-store.ts';
import { SessionHistory } from '../session/session-history.ts';
import { type Trouble, troublesOf } from './troubles.ts';

/** How sessions and agents stand beside their states, the same for the terminal and for clients. */

/** Events are searched from the newest back, so many at once, so often. */
const pageSize = 250;
const maxPages = 4;

/** What is told of a session beside its workflow, by its events. */
export interface LiveStatus {
  /** Milliseconds since the epoch. */
  readonly now: number;
  /** Why its MAOS could not run it on, where that is why it is paused; null otherwise. */
  readonly stalled: string | null;
  /** What fails beside its work, or keeps its MAOS from an agent. */
  readonly troubles: readonly Trouble[];
  /** Why agents that are ready are not started, as it was last said of each. */
  readonly waiting: ReadonlyMap<AgentId, WaitCause>;
  /** Milliseconds the session has run, without its pauses. Known only where its budget caps them; else 0. */
  readonly sessionRanMs: number;
  /** Milliseconds the agent's present attempt has run, without those it was suspended. As above. */
  agentRanMs(agent: Agent): number;
}

/** @param now milliseconds since the epoch */
export function liveStatusOf(store: SessionStore, workflow: Workflow, now: number): LiveStatus {
  const { session, agents } = workflow;
  const waiting = waitingReasons(store, workflow);
  const stalled = stallReason(store, session);
  const troubles = troublesOf(store, workflow);
  if ([session, ...agents].every(({ budget }) => budget.maxWallMs === null)) {
    return { now, waiting, stalled, troubles, sessionRanMs: 0, agentRanMs: () => 0 };
  }
  const history = new SessionHistory();
  history.read(store, session.id);
  const at = new Date(now).toISOString();
  return {
    now,
    waiting,
    stalled,
    troubles,
    sessionRanMs: history.ranMs(at),
    agentRanMs: (agent) => {
      const { ms, since } = history.suspendedTime(agent.id);
      return Math.max(0, activeMs(agent, since === null ? now : Date.parse(since)) - ms);
    },
  };
}

/** Milliseconds a session has run, without its pauses; 0 where its budget does not cap them. @param now as above */
export function sessionRanMs(store: SessionStore, session: Session, now: number): number {
  if (session.budget.maxWallMs === null) return 0;
  const history = new SessionHistory();
  history.read(store, session.id);
  return history.ranMs(new Date(now).toISOString());
}

/** Why the session's MAOS could not run it on, where that is why it is paused; null otherwise. */
export function stallReason(store: SessionStore, { id, pauseReason }: Session): string | null {
  if (pauseReason !== 'interrupted') return null;
  const last = store.lastSeq(id);
  const newest = store.events(id, Math.max(0, last - pageSize), pageSize);
  const event = newest.findLast(({ type }) => type === 'session.stalled' || type === 'session.resumed');
  return event?.type === 'session.stalled' ? event.data.reason : null;
}

/** Files that agents left and that are not recorded, and why; of the newest events only. */
export function skippedArtifacts(store: SessionStore, id: SessionId): readonly string[] {
  const newest = store.events(id, Math.max(0, store.lastSeq(id) - pageSize * maxPages), pageSize * maxPages);
  return newest.flatMap((event) => (event.type === 'artifact.skipped' ? [event.data.reason] : []));
}

/** Its processes are suspended: it could not be interrupted when the session was paused. */
export function isSuspended(session: Session, agent: Agent): boolean {
  return session.state === 'paused' && agent.state === 'running';
}

/**
 * Until when the agent waits for its provider; null when it does not.
 * @param now milliseconds since the epoch
 */
export function postponedUntil(agent: Agent, now: number): string | null {
  if (!isStartable(agent.state) || agent.notBefore === null) return null;
  return Date.parse(agent.notBefore) > now ? agent.notBefore : null;
}

/**
 * Why agents that are ready are not started, as it was last said of each. Only the newest events are searched: of an
 * agent that has waited for very long nothing may be found.
 */
function waitingReasons(store: SessionStore, { session, agents }: Workflow): ReadonlyMap<AgentId, WaitCause> {
  const reasons = new Map<AgentId, WaitCause>();
  if (session.state !== 'running') return reasons;
  const completed = new Set(agents.flatMap(({ id, state }) => (state === 'completed' ? [id] : [])));
  const open = new Set<AgentId>();
  for (const { id, state, dependsOn } of agents) {
    if (isStartable(state) && dependsOn.every((upstream) => completed.has(upstream))) open.add(id);
  }
  let before = store.lastSeq(session.id);
  for (let page = 0; page < maxPages && open.size > 0 && before > 0; page++) {
    const after = Math.max(0, before - pageSize);
    for (const event of store.events(session.id, after, before - after).toReversed()) {
      if (event.agentId === null || !open.has(event.agentId)) continue;
      // What was said before its last start is about another attempt.
      if (event.type !== 'agent.waiting' && event.type !== 'agent.started') continue;
      open.delete(event.agentId);
      if (event.type === 'agent.waiting') reasons.set(event.agentId, event.data);
    }
    before = after;
  }
  return reasons;
}
