import { type Agent, isAgentEnded } from '../../domain/agent.ts';
import { plural } from '../../domain/amounts.ts';
import { isMaosError } from '../../domain/errors.ts';
import type { AgentId } from '../../domain/ids.ts';
import { landingScope, whyNotLanded } from '../../domain/landing.ts';
import { progressOf } from '../../domain/orchestration.ts';
import { decideRetries } from '../../domain/retry.ts';
import { isSessionEnded } from '../../domain/session.ts';
import { alreadyInState, inState } from '../../domain/state-words.ts';
import type { Workflow } from '../../domain/workflow.ts';
import { beginAgainText, beginningAgain } from './beginning-again.ts';

/** What people are told before something is done to a session, the same on a terminal and in a browser. */
export interface Consequences {
  /** A question. */
  readonly title: string;
  /** Sentences that say what will happen. */
  readonly says: readonly string[];
}

/** What will happen, or why it is not possible. */
export type Announced = Consequences | string;

/** Further names are only counted. */
const maxNames = 6;

export function whatPauseDoes({ session, agents }: Workflow): Announced {
  const { id, state } = session;
  if (state !== 'running') return `${id} ${inState(state)}: only a running session can be paused.`;
  const { running, pending } = progressOf(agents);
  return {
    title: `Pause ${id}?`,
    says: [
      `${plural(running, 'running agent')} ${running === 1 ? 'stops' : 'stop'} working: agents whose CLI can resume its conversation are interrupted, the others suspended.`,
      ...(pending === 0
        ? []
        : [`${plural(pending, 'pending agent')} ${pending === 1 ? 'waits' : 'wait'} until you resume.`]),
    ],
  };
}

export function whatResumeDoes(workflow: Workflow): Announced {
  const { id, state } = workflow.session;
  if (state !== 'paused') return `${id} ${inState(state)}: only a paused session can be resumed.`;
  const again = beginningAgain(workflow);
  return {
    title: `Resume ${id}?`,
    says: [
      'Suspended agents continue, interrupted agents resume their conversation, and pending agents start.',
      ...(again.length === 0
        ? []
        : [`${beginAgainText(again)}: an interrupted program has no conversation to resume.`]),
    ],
  };
}

export function whatCancelDoes(workflow: Workflow, agent: Agent | null): Announced {
  return agent === null ? whatCancelSessionDoes(workflow) : whatCancelAgentDoes(workflow, agent);
}

function whatCancelSessionDoes({ session, agents }: Workflow): Announced {
  const { id, state } = session;
  if (isSessionEnded(state)) return `${id} ${alreadyInState(state)}.`;
  const { running, pending, resumable, completed } = progressOf(agents);
  const waiting = pending + resumable;
  return {
    title: `Cancel ${id}?`,
    says: [
      `MAOS stops ${plural(running, 'running agent')}${waiting === 0 ? '' : `, and ${plural(waiting, 'waiting agent')} will not start`}.`,
      `${plural(completed, 'completed agent')} and all files stay as they are. A cancelled session cannot be resumed or retried.`,
    ],
  };
}

function whatCancelAgentDoes({ agents }: Workflow, agent: Agent): Announced {
  const { id, name, state } = agent;
  if (isAgentEnded(state)) return `${name} ${alreadyInState(state)}.`;
  const after = dependentsOf(id, agents).filter((other) => !isAgentEnded(other.state));
  return {
    title: `Cancel the agent ${name}?`,
    says: [
      state === 'running' ? 'MAOS stops its processes.' : 'It does not start.',
      after.length === 0
        ? 'No other agent depends on it. The others continue.'
        : `Cancelled with it, because they depend on it: ${namesOf(after)}. The others continue.`,
    ],
  };
}

export function whatRetryDoes(workflow: Workflow, agent: Agent | null): Announced {
  const { id, state } = workflow.session;
  if (state === 'completed' || state === 'cancelled')
    return `${id} ${inState(state)}: only failed sessions can be retried.`;
  try {
    const agents = decideRetries(workflow, agent?.id ?? null);
    return {
      title: agent === null ? `Retry ${id}?` : `Retry the agent ${agent.name}?`,
      says: [`Started again: ${namesOf(agents)}.`, 'Completed agents never run again.'],
    };
  } catch (error) {
    if (isMaosError(error)) return error.message;
    throw error;
  }
}

export function whatLandDoes(workflow: Workflow): Announced {
  const { session } = workflow;
  const why = whyNotLanded(session);
  if (why !== null) return `${session.id} cannot be landed: ${why}`;
  const { owners } = landingScope(workflow, new Set());
  if (owners.length === 0) return `${session.id} has no completed work in a worktree to land.`;
  const target = session.repository?.branch ?? 'the branch that was checked out when the session began';
  return {
    title: `Land the work of ${session.id}?`,
    says: [
      `MAOS merges the branches of ${namesOf(owners)} onto ${target}, in the plan's order, each in a worktree of its own, and checks each there.`,
      `Only then ${target} moves. What conflicts or fails its check goes back to its agent, or stays on its branch.`,
    ],
  };
}

function dependentsOf(id: AgentId, agents: readonly Agent[]): readonly Agent[] {
  const found = new Set<AgentId>([id]);
  for (let size = 0; size !== found.size; ) {
    size = found.size;
    for (const agent of agents) if (agent.dependsOn.some((up) => found.has(up))) found.add(agent.id);
  }
  found.delete(id);
  return agents.filter((agent) => found.has(agent.id));
}

function namesOf(agents: readonly Agent[]): string {
  const more = agents.length - maxNames;
  const names = agents.slice(0, maxNames).map(({ name }) => name);
  return `${names.join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
}
