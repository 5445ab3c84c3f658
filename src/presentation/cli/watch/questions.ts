import { type Agent, isAgentEnded } from '../../../domain/agent.ts';
import { plural } from '../../../domain/amounts.ts';
import { isMaosError } from '../../../domain/errors.ts';
import type { AgentId } from '../../../domain/ids.ts';
import type { InputRequest } from '../../../domain/input-request.ts';
import { landingScope, whyNotLanded } from '../../../domain/landing.ts';
import { progressOf } from '../../../domain/orchestration.ts';
import { decideRetries } from '../../../domain/retry.ts';
import { isSessionEnded } from '../../../domain/session.ts';
import { alreadyInState, inState } from '../../../domain/state-words.ts';
import type { Workflow } from '../../../domain/workflow.ts';
import { oneLine } from '../../contracts/event-lines.ts';
import { askedText } from '../../contracts/request-view.ts';
import { beginAgainText, beginningAgain } from '../run/beginning-again.ts';
import type { Question } from './state.ts';

/** What is asked before something is done: a question that says what will happen, or why it is not possible. */
type Asked = Question | string;

/** Further names are only counted. */
const maxNames = 6;

export function askPause({ session, agents }: Workflow): Asked {
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
    effect: { type: 'control', id, action: 'pause', agentId: null },
  };
}

export function askResume(workflow: Workflow): Asked {
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
    effect: { type: 'control', id, action: 'resume', agentId: null },
  };
}

export function askCancel(workflow: Workflow, agent: Agent | null): Asked {
  return agent === null ? askCancelSession(workflow) : askCancelAgent(workflow, agent);
}

function askCancelSession({ session, agents }: Workflow): Asked {
  const { id, state } = session;
  if (isSessionEnded(state)) return `${id} ${alreadyInState(state)}.`;
  const { running, pending, resumable, completed } = progressOf(agents);
  const waiting = pending + resumable;
  return {
    title: `Cancel ${id}?`,
    says: [
      `MAOS stops ${plural(running, 'running agent')}${waiting === 0 ? '' : `, and ${plural(waiting, 'waiting agent')} ${waiting === 1 ? 'does' : 'do'} not start any more`}.`,
      `${plural(completed, 'completed agent')} and all files stay as they are. A cancelled session cannot be resumed or retried.`,
    ],
    effect: { type: 'control', id, action: 'cancel', agentId: null },
  };
}

function askCancelAgent({ session, agents }: Workflow, agent: Agent): Asked {
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
    effect: { type: 'control', id: session.id, action: 'cancel', agentId: id },
  };
}

export function askRetry(workflow: Workflow, agent: Agent | null): Asked {
  const { id, state } = workflow.session;
  if (state === 'completed' || state === 'cancelled')
    return `${id} ${inState(state)}: only failed sessions can be retried.`;
  try {
    const agents = decideRetries(workflow, agent?.id ?? null);
    return {
      title: agent === null ? `Retry ${id}?` : `Retry the agent ${agent.name}?`,
      says: [`Started again: ${namesOf(agents)}.`, 'Completed agents never run again.'],
      effect: { type: 'control', id, action: 'retry', agentId: agent?.id ?? null },
    };
  } catch (error) {
    if (isMaosError(error)) return error.message;
    throw error;
  }
}

export function askLand(workflow: Workflow): Asked {
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
    effect: { type: 'land', id: session.id },
  };
}

/** The whole action, because nobody can decide about what they see only the beginning of. */
export function askDecision(request: InputRequest, agent: string, decision: 'allow' | 'deny'): Asked {
  const { id, sessionId, kind, reason } = request;
  if (request.state !== 'open') return `${id} ${alreadyInState(request.state)}.`;
  if (kind === 'question') return `${agent} asks a question: press e to answer it.`;
  return {
    title: decision === 'allow' ? `Allow what ${agent} asks?` : `Deny what ${agent} asks?`,
    says: [
      askedText(request),
      ...(reason === null ? [] : [`Reason: ${oneLine(reason)}`]),
      decision === 'allow'
        ? 'The agent does it as soon as it gets the answer. This cannot be taken back.'
        : 'The agent is told that it may not, and goes on without.',
    ],
    effect: {
      type: 'answer',
      id: sessionId,
      request: id,
      answer: { kind: 'permission', decision, message: null },
    },
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
