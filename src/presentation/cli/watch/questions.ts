import type { Agent } from '../../../domain/agent.ts';
import type { InputRequest } from '../../../domain/input-request.ts';
import type { SessionAction } from '../../../domain/session.ts';
import { alreadyInState } from '../../../domain/state-words.ts';
import type { Workflow } from '../../../domain/workflow.ts';
import {
  type Announced,
  whatCancelDoes,
  whatLandDoes,
  whatPauseDoes,
  whatResumeDoes,
  whatRetryDoes,
} from '../../contracts/consequences.ts';
import { oneLine } from '../../contracts/event-lines.ts';
import { askedText } from '../../contracts/request-view.ts';
import type { Effect, Question } from './state.ts';

/** What is asked before something is done: a question that says what will happen, or why it is not possible. */
type Asked = Question | string;

export function askPause(workflow: Workflow): Asked {
  return asked(whatPauseDoes(workflow), control(workflow, 'pause'));
}

export function askResume(workflow: Workflow): Asked {
  return asked(whatResumeDoes(workflow), control(workflow, 'resume'));
}

export function askCancel(workflow: Workflow, agent: Agent | null): Asked {
  return asked(whatCancelDoes(workflow, agent), control(workflow, 'cancel', agent));
}

export function askRetry(workflow: Workflow, agent: Agent | null): Asked {
  return asked(whatRetryDoes(workflow, agent), control(workflow, 'retry', agent));
}

export function askLand(workflow: Workflow): Asked {
  return asked(whatLandDoes(workflow), { type: 'land', id: workflow.session.id });
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
        ? 'The agent does it as soon as it gets the answer. This cannot be undone.'
        : 'The agent is told that it may not, and continues without it.',
    ],
    effect: {
      type: 'answer',
      id: sessionId,
      request: id,
      answer: { kind: 'permission', decision, message: null },
    },
  };
}

function asked(announced: Announced, effect: Effect): Asked {
  return typeof announced === 'string' ? announced : { ...announced, effect };
}

function control({ session: { id } }: Workflow, action: SessionAction, agent: Agent | null = null): Effect {
  return { type: 'control', id, action, agentId: agent?.id ?? null };
}
