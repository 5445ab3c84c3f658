import type { Status } from '../api.ts';

/** The new status, with the agents that have not changed as they were, so that they need not be drawn again. */
export function sharedWith(before: Status | null, status: Status): Status {
  if (before === null || before.session_id !== status.session_id) return status;
  const known = new Map(before.agents.map((agent) => [agent.agent_id, agent]));
  const agents = status.agents.map((agent) => {
    const same = known.get(agent.agent_id);
    return same !== undefined && JSON.stringify(same) === JSON.stringify(agent) ? same : agent;
  });
  return { ...status, agents };
}
