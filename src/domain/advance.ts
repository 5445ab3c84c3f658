import { type Agent, moveAgent } from './agent.ts';
import { agentEvent, sessionEvent } from './events.ts';
import type { AgentId } from './ids.ts';
import { advancePhases } from './orchestration.ts';
import { decideCancellations } from './scheduling.ts';
import { type Change, withAgents } from './workflow.ts';

/** Cancels the agents that can no longer run because of failures, and updates the phases. */
export function advance(change: Change, at: string): Change {
  const changed = new Map<AgentId, Agent>();
  const events = [...change.events];
  for (const { agent, reason, because } of decideCancellations(change.next.session, change.next.agents)) {
    const kind = reason === 'dependency_failed' ? reason : null;
    const message =
      because === null
        ? 'Another agent failed and the failure policy is fail_fast.'
        : `It depends on '${because.name}', which did not complete.`;
    changed.set(
      agent.id,
      moveAgent(agent, 'cancelled', at, {
        failure: kind === null ? null : { kind, message, stderrTail: '' },
      }),
    );
    events.push(
      agentEvent('agent.cancelled', agent, at, {
        name: agent.name,
        reason: message,
        kind,
        usage: agent.usage,
      }),
    );
  }
  return advancePhasesOf({ next: withAgents(change.next, changed), events }, at);
}

export function advancePhasesOf(change: Change, at: string): Change {
  const { session, agents } = change.next;
  const { phases, moves } = advancePhases(change.next.phases, agents);
  const events = moves.flatMap((phase) =>
    phase.state === 'planned'
      ? []
      : [sessionEvent(`phase.${eventOf[phase.state]}`, session.id, at, { phase: phase.index })],
  );
  return { next: { ...change.next, phases }, events: [...change.events, ...events] };
}

const eventOf = { running: 'started', completed: 'completed', failed: 'failed', skipped: 'skipped' } as const;
