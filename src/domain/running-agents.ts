import { withoutWait } from './active-time.ts';
import { advance } from './advance.ts';
import { type Agent, enterStage, type Lingering, moveAgent, type PermissionDenials } from './agent.ts';
import type { AgentLocation } from './agent-location.ts';
import type { AgentStage } from './agent-stage.ts';
import { denialEvents } from './denials.ts';
import { agentEvent, type DomainEvent } from './events.ts';
import { accountOf, type Fallback, fallbackFrom } from './fallback.ts';
import type { AgentId } from './ids.ts';
import { heldBackends } from './scheduling.ts';
import { continuedUsage, type ReportedUsage, soundUsage, type Usage, usageSince } from './usage.ts';
import { agentOf, type Change, type Workflow, withAgents } from './workflow.ts';

/**
 * Marks agents as running, in stage `preparing`, before their processes exist, so that a crash in between is detected.
 */
export function startAgents(workflow: Workflow, ids: readonly AgentId[], at: string): Change {
  const changed = new Map<AgentId, Agent>();
  const events: DomainEvent[] = [];
  const held = heldBackends(workflow.agents, at);
  for (const id of ids) {
    // An agent that is listed twice is refused, like any other that already runs.
    const ready = changed.get(id) ?? agentOf(workflow, id);
    const fallback = fallbackFrom(ready, held);
    if (fallback !== null) {
      const reason = `the provider of ${ready.backend} refuses another agent until ${held.get(accountOf(ready))}`;
      events.push(fellBack(ready, fallback, { reason, usage: ready.usage }, at));
    }
    const agent = moveAgent(fallback === null ? ready : fallBack(ready, fallback), 'running', at);
    changed.set(id, agent);
    events.push(
      agentEvent('agent.started', agent, at, {
        name: agent.name,
        role: agent.role.name,
        backend: agent.backend,
        attempt: agent.attempt,
      }),
    );
  }
  return advance({ next: withAgents(workflow, changed), events }, at);
}

/**
 * Records that a running agent has a process.
 * @throws MaosError INVALID_TRANSITION
 */
export function recordSpawn(workflow: Workflow, id: AgentId, location: AgentLocation, at: string): Change {
  const entered = enterStage(agentOf(workflow, id), 'executing');
  const agent = withoutWait({ ...entered, where: entered.pool === null ? null : location.label }, at);
  const { name, attempt } = agent;
  return {
    next: withAgents(workflow, new Map([[id, agent]])),
    events: [agentEvent('agent.spawned', agent, at, { name, attempt, where: { ...location } })],
  };
}

/**
 * Moves a running agent to another stage. Use {@link recordSpawn} for its first `executing`.
 * @throws MaosError INVALID_TRANSITION
 */
export function changeStage(workflow: Workflow, id: AgentId, stage: AgentStage, at: string): Change {
  const { agent, events } = moveStage(agentOf(workflow, id), stage, at);
  return { next: withAgents(workflow, new Map([[id, agent]])), events };
}

export function moveStage(
  before: Agent,
  stage: AgentStage,
  at: string,
): { agent: Agent; events: DomainEvent[] } {
  const agent = enterStage(before, stage);
  // An agent that can enter a stage always has one.
  const data = { name: agent.name, stage, previous: before.stage as AgentStage };
  return { agent, events: [agentEvent('agent.stage_changed', agent, at, data)] };
}

/** Clears the conversation, because another CLI cannot resume it. */
export function fallBack(agent: Agent, { notBefore: _, ...place }: Fallback): Agent {
  return { ...agent, ...place, conversation: null };
}

export function fellBack(
  agent: Agent,
  { backend, model, backends, notBefore }: Fallback,
  more: { readonly durationMs?: number; readonly reason: string; readonly usage: Usage | null },
  at: string,
): DomainEvent {
  const { name, backend: from } = agent;
  return agentEvent('agent.fell_back', agent, at, {
    ...{ name, from, backend, model, backends: backends ?? [], until: notBefore },
    ...more,
  });
}

/** The agent's own usage over all attempts, including what the current one has reported so far. */
export function usageNow(
  agent: Agent,
  reported: ReportedUsage | null,
  conversation: string | null,
): Usage | null {
  if (reported === null) return agent.usage;
  // A CLI may change a conversation's id when resuming it.
  const goesOn = agent.resumed !== null && conversation !== null && reported.isOfRun !== true;
  const told = soundUsage(reported);
  const own = goesOn && agent.carried !== null ? usageSince(agent.carried, told) : told;
  return continuedUsage(agent.usageBefore, own, goesOn);
}

/** What a running agent has reported since the last note. */
export interface ProgressNote {
  readonly id: AgentId;
  /** The current activity in one line; null if unchanged. */
  readonly activity: string | null;
  readonly usage: ReportedUsage | null;
  readonly conversation: string | null;
  readonly denials?: PermissionDenials | null;
  readonly subagents?: number;
  /** Whether the agent lingers after its result; missing if unchanged. */
  readonly lingering?: Lingering | null;
}

/** Records progress of running agents; ignores notes about agents that have ended meanwhile. */
export function recordProgress(workflow: Workflow, notes: readonly ProgressNote[], at: string): Change {
  const changed = new Map<AgentId, Agent>();
  const events: DomainEvent[] = [];
  for (const { id, activity, usage, conversation, denials = null, subagents, lingering } of notes) {
    const before = agentOf(workflow, id);
    if (before.state !== 'running') continue;
    const agent = {
      ...before,
      usage: usageNow(before, usage, conversation),
      conversation: conversation ?? before.conversation,
      denials: denials ?? before.denials,
      subagents: subagents ?? before.subagents,
      lingering: lingering === undefined ? before.lingering : lingering,
    };
    changed.set(id, agent);
    const { name } = agent;
    events.push(...denialEvents(before, agent, at));
    if (activity !== null) {
      events.push(agentEvent('agent.progressed', agent, at, { name, activity, usage: agent.usage }));
    }
    if (lingering) events.push(agentEvent('agent.answered', agent, at, { name, ...lingering }));
    else if (lingering === null && before.lingering !== null) {
      events.push(agentEvent('agent.went_on', agent, at, { name }));
    }
  }
  return { next: withAgents(workflow, changed), events };
}
