import { type Agent, type AgentState, moveAgent } from './agent.ts';
import type { AgentStage } from './agent-stage.ts';
import type { EventData, EventType, RecordedEvent } from './events.ts';
import type { PhaseState } from './orchestration.ts';
import { moveSession, type SessionState } from './session.ts';
import type { Workflow } from './workflow.ts';

/**
 * The workflow as events that came after it tell: what a checkpoint does not know yet. Events do not carry everything
 * (stderr of a failure, the id of a conversation); such a field keeps its earlier value.
 * @param events in order, all of them after the state given
 * @throws MaosError INVALID_TRANSITION, AGENT_NOT_FOUND when the events do not follow from that state
 */
export function replay(workflow: Workflow, events: readonly RecordedEvent[]): Workflow {
  return events.reduce(
    (state, event) => replayPhase(replaySession(replayAgent(state, event), event), event),
    workflow,
  );
}

const sessionMoves: Partial<Record<EventType, SessionState>> = {
  'session.started': 'running',
  'session.resumed': 'running',
  'session.completed': 'completed',
  'session.failed': 'failed',
  'session.cancelled': 'cancelled',
};

function replaySession(workflow: Workflow, event: RecordedEvent): Workflow {
  if (event.type === 'session.paused') {
    const { reason, resumeAt } = event.data;
    const pause = resumeAt === null ? { reason } : { reason, resumeAt };
    return { ...workflow, session: moveSession(workflow.session, 'paused', event.at, pause) };
  }
  const to = sessionMoves[event.type];
  return to === undefined || to === workflow.session.state
    ? workflow
    : { ...workflow, session: moveSession(workflow.session, to, event.at) };
}

const phaseMoves: Partial<Record<EventType, PhaseState>> = {
  'phase.started': 'running',
  'phase.completed': 'completed',
  'phase.failed': 'failed',
  'phase.skipped': 'skipped',
};

function replayPhase(workflow: Workflow, event: RecordedEvent): Workflow {
  const state = phaseMoves[event.type];
  if (state === undefined) return workflow;
  const { phase } = event.data as EventData['phase.started'];
  return {
    ...workflow,
    phases: workflow.phases.map((known) => (known.index === phase ? { ...known, state } : known)),
  };
}

function replayAgent(workflow: Workflow, event: RecordedEvent): Workflow {
  const change = event.agentId === null ? null : agentChange(event);
  if (change === null) return workflow;
  return {
    ...workflow,
    agents: workflow.agents.map((agent) => (agent.id === event.agentId ? change(agent) : agent)),
  };
}

/** The event is believed: a checkpoint of an earlier version does not tell the stage before it. */
function inStage(stage: AgentStage): (agent: Agent) => Agent {
  return (agent) => (agent.state === 'running' ? { ...agent, stage } : agent);
}

/** What the event did to its agent; null for one that left it as it was. */
function agentChange(event: RecordedEvent): ((agent: Agent) => Agent) | null {
  const move = (to: AgentState, outcome: Parameters<typeof moveAgent>[3] = {}) => {
    return (agent: Agent): Agent => {
      // Whatever a run comes to but another postponement ends the row of them.
      const postponed = agent.state === 'running' ? 0 : agent.postponed;
      return moveAgent(agent, to, event.at, { postponed, ...outcome });
    };
  };
  switch (event.type) {
    case 'agent.started':
      return move('running');
    case 'agent.spawned':
      return inStage('executing');
    case 'agent.stage_changed':
      return inStage(event.data.stage);
    case 'agent.progressed':
      return (agent) => ({ ...agent, usage: event.data.usage });
    case 'agent.answered': {
      const { background, until } = event.data;
      return (agent) => ({ ...agent, lingering: { background, until } });
    }
    case 'agent.went_on':
      return (agent) => ({ ...agent, lingering: null });
    case 'agent.completed':
      return move('completed', { result: event.data.result, usage: event.data.usage });
    case 'agent.failed': {
      const { kind, message, usage } = event.data;
      return move('failed', { failure: { kind, message, stderrTail: '' }, usage });
    }
    case 'agent.cancelled': {
      const { kind, reason, usage } = event.data;
      return move('cancelled', {
        failure: kind === null ? null : { kind, message: reason, stderrTail: '' },
        usage,
      });
    }
    case 'agent.interrupted':
      return move('resumable', { usage: event.data.usage });
    case 'agent.postponed': {
      const { until, usage } = event.data;
      return (agent) =>
        moveAgent(agent, 'resumable', event.at, {
          notBefore: until,
          postponed: agent.postponed + 1,
          usage,
        });
    }
    case 'agent.retried':
      return move('pending');
    default:
      return null;
  }
}
