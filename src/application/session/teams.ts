import { type Agent, isAgentEnded } from '../../domain/agent.ts';
import type { AgentId } from '../../domain/ids.ts';
import type { Workflow } from '../../domain/workflow.ts';
import type { Project } from '../project.ts';

/** Nested teams end, pause and resume with the agent that started them. */

/** @param what the agent does, or what happened to it */
export function parentReason(agent: AgentId, what: string): string {
  return `Agent ${agent}, which started this team, ${what}.`;
}

/**
 * Requests that the teams of agents that a change ends or interrupts also end or pause. Call it before the change is
 * stored: none of such an agent's processes runs any more, so it starts no further team; and if this process is killed
 * in between, the next owner makes the same change again.
 * @param isOwner called only if there is such an agent
 */
export async function tellTeams(
  { teams }: Pick<Project, 'teams'>,
  before: Workflow,
  next: Workflow,
  isOwner: () => boolean,
): Promise<void> {
  if (next.agents === before.agents) return;
  const told = next.agents.flatMap((agent, index) => wishFor(before.agents[index], agent) ?? []);
  if (told.length === 0 || !isOwner()) return;
  for (const { parent, desired, what } of told) {
    await teams.ask(parent, desired, parentReason(parent.agentId, what));
  }
}

function wishFor(before: Agent | undefined, { id, sessionId, state, attempt }: Agent) {
  if (before === undefined || before.state === state || attempt === 0) return null;
  const parent = { sessionId, agentId: id };
  if (isAgentEnded(state)) return { parent, desired: 'cancelled', what: `has ended (${state})` } as const;
  if (before.state !== 'running') return null;
  return { parent, desired: 'paused', what: 'was interrupted' } as const;
}
