import { shorten } from '../../domain/cut-text.ts';
import { answererText, type InputRequest } from '../../domain/input-request.ts';
import { showAction } from '../../domain/invisible-marks.ts';
import { oneLine } from './event-lines.ts';

/** A request as shown to programs by every front. Fields without a value are absent. */
export function requestView(request: InputRequest, names: ReadonlyMap<string, string>) {
  const { tool, reason, choices, closedAt, answer, answeredBy } = request;
  return {
    request_id: request.id,
    session_id: request.sessionId,
    agent_id: request.agentId,
    agent: names.get(request.agentId) ?? request.agentId,
    kind: request.kind,
    state: request.state,
    ...(tool === null ? {} : { tool }),
    action: request.action,
    ...(reason === null ? {} : { reason }),
    ...(choices.length === 0 ? {} : { choices }),
    asked_at: request.askedAt,
    expires_at: request.expiresAt,
    ...(closedAt === null ? {} : { closed_at: closedAt }),
    ...(answer?.kind === 'permission' ? { decision: answer.decision } : {}),
    ...(answer?.kind === 'permission' && answer.message !== null ? { message: answer.message } : {}),
    ...(answer?.kind === 'question' ? { answer: answer.text } : {}),
    ...(answeredBy === null ? {} : { answered_by: answererText(answeredBy) }),
  };
}

/** The question, or the action to permit, on one line. */
export function askedText({ kind, tool, action, choices }: InputRequest): string {
  if (kind === 'permission') return `${tool === null ? '' : `${oneLine(tool)}: `}${showAction(action)}`;
  return oneLine(`${action}${choices.length === 0 ? '' : ` [${choices.join(' | ')}]`}`);
}

/** The outcome in one sentence. */
export function outcomeText(request: InputRequest): string {
  const { id, state, answer, answeredBy } = request;
  const by = answeredBy === null ? '' : ` by ${answererText(answeredBy)}`;
  switch (state) {
    case 'open':
      return `${id} is open.`;
    case 'expired':
      return `${id} expired without an answer${request.kind === 'permission' ? ', so it was denied' : ''}.`;
    case 'withdrawn':
      return `${id} was withdrawn: the agent no longer waits for an answer.`;
    case 'answered': {
      if (answer?.kind === 'question')
        return `${id} was answered${by}: ${shorten(oneLine(answer.text), 200)}`;
      return `${id} was ${answer?.decision === 'allow' ? 'allowed' : 'denied'}${by}.`;
    }
  }
}
