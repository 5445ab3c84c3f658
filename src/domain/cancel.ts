import { advance, advancePhasesOf } from './advance.ts';
import { type Agent, isStartable, moveAgent } from './agent.ts';
import { MaosError } from './errors.ts';
import { agentEvent, type DomainEvent, sessionEvent } from './events.ts';
import type { AgentId } from './ids.ts';
import { moveSession } from './session.ts';
import { agentOf, type Change, type Workflow, withAgents } from './workflow.ts';

/**
 * Cancels an agent that is not running, and its dependents.
 * @throws MaosError INVALID_TRANSITION
 */
export function cancelAgent(workflow: Workflow, id: AgentId, reason: string, at: string): Change {
  const before = agentOf(workflow, id);
  if (before.state === 'running') {
    throw new MaosError(
      'INVALID_TRANSITION',
      `Agent ${id} is running: it is cancelled by stopping it and recording how it ended.`,
      { details: { agentId: id, state: before.state } },
    );
  }
  const agent = moveAgent(before, 'cancelled', at);
  const event = agentEvent('agent.cancelled', agent, at, {
    name: agent.name,
    reason,
    kind: null,
    usage: agent.usage,
  });
  return advance({ next: withAgents(workflow, new Map([[id, agent]])), events: [event] }, at);
}

/** Cancels every agent that has not started. Running agents are settled individually when they stop. */
export function cancelWaiting(workflow: Workflow, reason: string, at: string): Change {
  const changed = new Map<AgentId, Agent>();
  const events: DomainEvent[] = [];
  for (const agent of workflow.agents) {
    if (!isStartable(agent.state)) continue;
    changed.set(agent.id, moveAgent(agent, 'cancelled', at));
    events.push(
      agentEvent('agent.cancelled', agent, at, { name: agent.name, reason, kind: null, usage: agent.usage }),
    );
  }
  return advancePhasesOf({ next: withAgents(workflow, changed), events }, at);
}

/** Ends the session as cancelled; every agent must have ended. */
export function cancelSession(workflow: Workflow, reason: string, at: string): Change {
  const session = moveSession(workflow.session, 'cancelled', at);
  return {
    next: { ...workflow, session },
    events: [sessionEvent('session.cancelled', session.id, at, { reason })],
  };
}
