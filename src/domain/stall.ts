import { type Agent, isAgentEnded, moveAgent } from './agent.ts';
import { cancelSession } from './cancel.ts';
import { agentEvent, type DomainEvent, sessionEvent } from './events.ts';
import type { AgentId } from './ids.ts';
import { moveSession } from './session.ts';
import { startSession } from './session-life.ts';
import type { Change, Workflow } from './workflow.ts';

/** For a session that its owner cannot run, even after repeated restarts from the stored state. */

/**
 * Pauses it with the reason. Running agents keep their state, as in any pause of agents that cannot be interrupted:
 * their processes are suspended, and the process that resumes or cancels the session adopts them.
 * @param suspended the agents that were suspended now
 */
export function stallSession(
  workflow: Workflow,
  reason: string,
  suspended: readonly Agent[],
  at: string,
): Change {
  const { id, state } = workflow.session;
  const begun = state === 'created' ? startSession(workflow, at) : { next: workflow, events: [] };
  const isPaused = begun.next.session.state === 'paused';
  const events: DomainEvent[] = [
    ...begun.events,
    ...suspended.map((agent) => agentEvent('agent.suspended', agent, at, { name: agent.name })),
    sessionEvent('session.stalled', id, at, { reason }),
    ...(isPaused ? [] : [sessionEvent('session.paused', id, at, { reason: 'interrupted', resumeAt: null })]),
  ];
  if (isPaused) return { next: begun.next, events };
  const session = moveSession(begun.next.session, 'paused', at, { reason: 'interrupted' });
  return { next: { ...begun.next, session }, events };
}

/**
 * Ends it as cancelled, with all agents that have not ended.
 * @param unrecorded agents whose change the store refuses; they keep their state
 */
export function cancelStalled(
  workflow: Workflow,
  why: { readonly asked: string; readonly stalled: string },
  unrecorded: ReadonlySet<AgentId>,
  at: string,
): Change {
  const { id } = workflow.session;
  const open = workflow.agents.filter(
    ({ id: agent, state }) => !isAgentEnded(state) && !unrecorded.has(agent),
  );
  const changed = new Map(open.map((agent) => [agent.id, moveAgent(agent, 'cancelled', at)]));
  const next = { ...workflow, agents: workflow.agents.map((agent) => changed.get(agent.id) ?? agent) };
  const ended = cancelSession(next, why.asked, at);
  const events: DomainEvent[] = [
    sessionEvent('session.stalled', id, at, { reason: why.stalled }),
    ...open.map((agent) => {
      const { name, usage } = agent;
      return agentEvent('agent.cancelled', agent, at, { name, reason: why.asked, kind: null, usage });
    }),
    ...ended.events,
  ];
  return { next: ended.next, events };
}
