import { descriptorOf, type EventData, type RecordedEvent, readEvent } from './events.ts';
import type { Workflow } from './workflow.ts';

/**
 * Applies later events to a workflow, to bring a checkpoint up to date. Events do not contain everything (stderr of a
 * failure, a conversation id); such fields keep their earlier values.
 * @param events in order, all later than the given state; of any version
 * @throws MaosError INVALID_TRANSITION, AGENT_NOT_FOUND when the events do not fit the state
 */
export function replay(workflow: Workflow, events: readonly RecordedEvent[]): Workflow {
  return events.reduce((state, event) => replayEvent(state, readEvent(event)), workflow);
}

function replayEvent(workflow: Workflow, { type, agentId, data, at }: RecordedEvent): Workflow {
  const { session: changeSession, agent: changeAgent, phase } = descriptorOf(type) ?? {};
  const { session, agents, phases } = workflow;
  return {
    session: changeSession?.(session, data, at) ?? session,
    agents:
      changeAgent === undefined
        ? agents
        : agents.map((agent) =>
            agentId === null || agent.id === agentId ? changeAgent(agent, data, at) : agent,
          ),
    phases:
      phase === undefined
        ? phases
        : phases.map((known) =>
            known.index === (data as EventData['phase.started']).phase ? { ...known, state: phase } : known,
          ),
  };
}
