import type { Agent, SessionEvent, Status } from '../api.ts';

/**
 * A session's status after an event that it does not include yet. Only what people look at changes at once; the server's
 * status, read again soon after, has the rest.
 */
export function applyEvent(status: Status, event: SessionEvent): Status {
  const seq = status.last_seq ?? 0;
  if (event.session_id !== status.session_id || event.seq <= seq) return status;
  const next = { ...status, last_seq: event.seq };
  const state = sessionStates[event.type];
  if (state !== undefined) return { ...next, state, ...(isEnd(state) ? { ended_at: event.at } : {}) };
  const change = agentChange(event);
  if (change === null || event.agent_id === null) return next;
  const agents = status.agents.map((agent) => (agent.agent_id === event.agent_id ? change(agent) : agent));
  return { ...next, agents, progress: progressOf(agents) };
}

const sessionStates: Readonly<Record<string, Status['state']>> = {
  'session.started': 'running',
  'session.paused': 'paused',
  'session.resumed': 'running',
  'session.completed': 'completed',
  'session.failed': 'failed',
  'session.cancelled': 'cancelled',
  'session.retried': 'running',
};

const isEnd = (state: Status['state']): boolean => ['completed', 'failed', 'cancelled'].includes(state);

const agentEnds: Readonly<Record<string, Agent['state']>> = {
  'agent.completed': 'completed',
  'agent.failed': 'failed',
  'agent.cancelled': 'cancelled',
  'agent.interrupted': 'resumable',
};

function agentChange({ type, at, data }: SessionEvent): ((agent: Agent) => Agent) | null {
  const end = agentEnds[type];
  if (end !== undefined) return ({ stage: _, ...agent }) => ({ ...agent, state: end, ended_at: at });
  switch (type) {
    case 'agent.started':
      return (agent) => ({
        ...agent,
        state: 'running',
        stage: 'preparing',
        started_at: at,
        ended_at: null,
        attempt: Number(data.attempt ?? agent.attempt),
      });
    case 'agent.spawned':
      return (agent) => (agent.state === 'running' ? { ...agent, stage: 'executing' } : agent);
    case 'agent.stage_changed':
      return (agent) =>
        agent.state === 'running' ? { ...agent, stage: data.stage as NonNullable<Agent['stage']> } : agent;
    case 'agent.progressed':
      return (agent) =>
        data.usage ? { ...agent, usage: { ...agent.usage, ...data.usage } as Agent['usage'] } : agent;
    default:
      return null;
  }
}

function progressOf(agents: readonly Agent[]): Status['progress'] {
  const counts: Record<string, number> = { total: agents.length };
  for (const name of ['pending', 'running', 'completed', 'failed', 'cancelled', 'resumable'])
    counts[name] = 0;
  for (const { state } of agents) counts[state] = (counts[state] ?? 0) + 1;
  return counts as unknown as Status['progress'];
}
