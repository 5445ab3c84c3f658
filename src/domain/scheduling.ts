import { type Agent, isAgentEnded, isStartable } from './agent.ts';
import { accountOf, fallbackFrom } from './fallback.ts';
import type { AgentId } from './ids.ts';
import type { Session, SessionLimits } from './session.ts';

/** Why a ready agent is not started now. */
export type WaitReason = 'session_limit' | 'role_limit' | 'provider';

export interface StartDecision {
  /** In plan order. */
  readonly start: readonly Agent[];
  /** Ready agents held back by a limit, in plan order. */
  readonly wait: readonly { readonly agent: Agent; readonly reason: WaitReason }[];
}

function indexById(agents: readonly Agent[]): ReadonlyMap<AgentId, Agent> {
  return new Map(agents.map((agent) => [agent.id, agent]));
}

/**
 * Until when the backend of each account is held back. When a provider refuses one agent until some time, its other agents wait too,
 * because the provider would refuse each of them in turn.
 */
export function heldBackends(agents: readonly Agent[], now: string): ReadonlyMap<string, string> {
  const held = new Map<string, string>();
  const hold = (account: string, until: string | null): void => {
    const known = held.get(account);
    if (until !== null && until > now && (known === undefined || known < until)) held.set(account, until);
  };
  for (const agent of agents) {
    if (agent.state === 'resumable') hold(accountOf(agent), agent.notBefore);
    // An agent that continues on another backend still holds the first one back.
    for (const choice of agent.backends ?? []) hold(accountOf(agent, choice.backend), choice.until);
  }
  return held;
}

/**
 * Which agents may start now: those whose dependencies have completed, in plan order, within the limits.
 * @param now ISO 8601 in UTC, with milliseconds
 * @param defaults limits for sessions without their own
 */
export function decideStarts(
  session: Session,
  agents: readonly Agent[],
  now: string,
  defaults: SessionLimits = { maxConcurrency: null, maxAgentsPerRole: null },
): StartDecision {
  const start: Agent[] = [];
  const wait: { agent: Agent; reason: WaitReason }[] = [];
  if (session.state !== 'running' || mustStop(session, agents)) return { start, wait };
  const byId = indexById(agents);
  const held = heldBackends(agents, now);
  const maxInSession = session.limits.maxConcurrency ?? defaults.maxConcurrency ?? Number.POSITIVE_INFINITY;
  const maxPerRole = session.limits.maxAgentsPerRole ?? defaults.maxAgentsPerRole ?? Number.POSITIVE_INFINITY;
  const perRole = new Map<string, number>();
  let running = 0;
  const occupy = (agent: Agent): void => {
    running += 1;
    perRole.set(agent.role.name, (perRole.get(agent.role.name) ?? 0) + 1);
  };
  for (const agent of agents) if (agent.state === 'running') occupy(agent);
  for (const agent of agents) {
    if (!isStartable(agent.state)) continue;
    if (!agent.dependsOn.every((id) => byId.get(id)?.state === 'completed')) continue;
    if (held.has(accountOf(agent)) && fallbackFrom(agent, held) === null) {
      wait.push({ agent, reason: 'provider' });
    } else if (running >= maxInSession) {
      wait.push({ agent, reason: 'session_limit' });
    } else if ((perRole.get(agent.role.name) ?? 0) >= maxPerRole) {
      wait.push({ agent, reason: 'role_limit' });
    } else {
      occupy(agent);
      start.push(agent);
    }
  }
  return { start, wait };
}

/** With the policy `fail_fast`, one failure stops a session. */
function mustStop(session: Session, agents: readonly Agent[]): boolean {
  return session.failurePolicy === 'fail_fast' && agents.some((agent) => agent.state === 'failed');
}

export interface Cancellation {
  readonly agent: Agent;
  readonly reason: 'dependency_failed' | 'fail_fast';
  /** The dependency that did not complete. */
  readonly because: Agent | null;
}

/**
 * Which agents that are not running must be cancelled because of failures: all dependents of agents that ended without
 * completing, and under `fail_fast` every agent that has not started.
 */
export function decideCancellations(session: Session, agents: readonly Agent[]): readonly Cancellation[] {
  const doomed = new Map<AgentId, Agent>();
  for (const agent of agents)
    if (isAgentEnded(agent.state) && agent.state !== 'completed') doomed.set(agent.id, agent);
  const cancelled = new Map<AgentId, Cancellation>();
  for (let grew = true; grew; ) {
    grew = false;
    for (const agent of agents) {
      if (!isStartable(agent.state) || doomed.has(agent.id)) continue;
      const because = agent.dependsOn.map((id) => doomed.get(id)).find((upstream) => upstream !== undefined);
      if (because === undefined) continue;
      doomed.set(agent.id, agent);
      cancelled.set(agent.id, { agent, reason: 'dependency_failed', because });
      grew = true;
    }
  }
  if (mustStop(session, agents)) {
    for (const agent of agents) {
      if (isStartable(agent.state) && !cancelled.has(agent.id)) {
        cancelled.set(agent.id, { agent, reason: 'fail_fast', because: null });
      }
    }
  }
  return agents.flatMap((agent) => cancelled.get(agent.id) ?? []);
}

/** Running agents that must be stopped because another one failed under `fail_fast`. */
export function decideStops(session: Session, agents: readonly Agent[]): readonly Agent[] {
  return mustStop(session, agents) ? agents.filter((agent) => agent.state === 'running') : [];
}

/** The session's outcome when every agent has ended; null before that. */
export function decideOutcome(agents: readonly Agent[]): 'completed' | 'failed' | null {
  if (!agents.every((agent) => isAgentEnded(agent.state))) return null;
  return agents.every((agent) => agent.state === 'completed') ? 'completed' : 'failed';
}
