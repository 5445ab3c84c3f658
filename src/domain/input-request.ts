import { shorten, startOf } from './cut-text.ts';
import { MaosError } from './errors.ts';
import { agentEvent, type DomainEvent } from './events.ts';
import type { AgentId, InputRequestId, SessionId } from './ids.ts';
import { assertTransition, type TransitionTable } from './transitions.ts';

export const inputRequestKinds = ['permission', 'question'] as const;
export type InputRequestKind = (typeof inputRequestKinds)[number];

export const inputRequestStates = ['open', 'answered', 'expired', 'withdrawn'] as const;
export type InputRequestState = (typeof inputRequestStates)[number];

export const inputRequestTransitions: TransitionTable<InputRequestState> = {
  /** `withdrawn`: nobody waits for the answer any more, since the attempt that asked is over. */
  open: ['answered', 'expired', 'withdrawn'],
  answered: [],
  expired: [],
  withdrawn: [],
};

/** Longer texts of a request are cut: people read them, and every front shows them. */
export const maxActionLength = 4_000;
export const maxAnswerLength = 100_000;
/** Open at once in one attempt; what is asked beyond is denied or refused. */
export const maxOpenRequests = 50;
const maxChoices = 20;
const maxChoiceLength = 200;
/** A tool's name or a CLI's own id of a request; no real one comes near. */
const maxNameLength = 500;
/** What an event tells of a text. */
const maxEventText = 1_000;

/** What an agent asks of people or of whoever leads it. Published as a request, `req_…`. */
export interface InputRequestDraft {
  readonly id: InputRequestId;
  readonly sessionId: SessionId;
  readonly agentId: AgentId;
  readonly attempt: number;
  /** What the agent's CLI calls it, unique within the attempt: the same key again is the same request. */
  readonly key: string;
  readonly kind: InputRequestKind;
  /** The tool that a permission is asked for; null for a question. */
  readonly tool: string | null;
  /** What is to be done, or what is asked, for people. */
  readonly action: string;
  /** Why, in the agent's or its CLI's words; null where it does not say. */
  readonly reason: string | null;
  /** Answers that a question suggests; any other text answers it, too. */
  readonly choices: readonly string[];
  /** ISO 8601. Unanswered then, a permission is denied and a question has no answer. */
  readonly expiresAt: string;
}

export type Answer =
  | { readonly kind: 'permission'; readonly decision: 'allow' | 'deny'; readonly message: string | null }
  | { readonly kind: 'question'; readonly text: string };

/** Who answered: a rule of the user's, a person, or an agent by its name. */
export type Answerer =
  | { readonly type: 'rule'; readonly rule: string }
  | { readonly type: 'person'; readonly front: 'cli' | 'mcp' | 'http' }
  | { readonly type: 'agent'; readonly name: string };

export interface InputRequest extends InputRequestDraft {
  readonly state: InputRequestState;
  readonly askedAt: string;
  /** When it left the state `open`; null while it is in it. */
  readonly closedAt: string | null;
  readonly answer: Answer | null;
  readonly answeredBy: Answerer | null;
}

/** A request as it is first stored. @throws MaosError INVALID_INPUT for a request that asks nothing */
export function openRequest(draft: InputRequestDraft, at: string): InputRequest {
  if (draft.action.trim() === '') {
    throw new MaosError('INVALID_INPUT', 'Nothing is asked. Say in a sentence what should be answered.');
  }
  return {
    ...draft,
    key: startOf(draft.key, maxNameLength),
    tool: draft.tool === null ? null : shorten(draft.tool, maxNameLength),
    action: shorten(draft.action, maxActionLength),
    reason: draft.reason === null ? null : shorten(draft.reason, maxActionLength),
    choices: draft.choices.slice(0, maxChoices).map((choice) => shorten(choice, maxChoiceLength)),
    state: 'open',
    askedAt: at,
    closedAt: null,
    answer: null,
    answeredBy: null,
  };
}

/**
 * The first answer stands. The same answer again changes nothing.
 * @throws MaosError INVALID_INPUT for an answer of the other kind or one too long, INVALID_TRANSITION when the request is
 *   not open any more
 */
export function answerRequest(request: InputRequest, answer: Answer, by: Answerer, at: string): InputRequest {
  const { id, kind, state } = request;
  if (answer.kind !== kind) {
    const how = kind === 'permission' ? 'Allow or deny it' : 'Answer it with a text';
    throw new MaosError('INVALID_INPUT', `${id} is a ${kind}. ${how}.`, { details: { id, kind } });
  }
  const { length } = answer.kind === 'question' ? answer.text : (answer.message ?? '');
  if (length > maxAnswerLength) {
    throw new MaosError(
      'INVALID_INPUT',
      `The answer to ${id} has ${length} characters, and at most ${maxAnswerLength} are allowed. Write it to a file and name that.`,
      { details: { id, length, limit: maxAnswerLength } },
    );
  }
  if (state === 'answered' && isSameAnswer(request.answer, answer)) return request;
  if (state !== 'open') throw notOpen(request);
  return close(request, 'answered', at, { answer, answeredBy: by });
}

/** An open request whose time is over is expired. Any other stays as it is. */
export function expireRequest(request: InputRequest, at: string): InputRequest {
  if (request.state !== 'open' || request.expiresAt > at) return request;
  return close(request, 'expired', at);
}

/** Nobody waits for the answer any more. A request that is closed stays as it is. */
export function withdrawRequest(request: InputRequest, at: string): InputRequest {
  return request.state === 'open' ? close(request, 'withdrawn', at) : request;
}

/** What the CLI that asked for a permission is told; null while there is nothing to tell. */
export function permissionAnswer(
  request: InputRequest,
): { readonly allow: true } | { readonly allow: false; readonly message: string } | null {
  const { answer, answeredBy, askedAt, expiresAt } = request;
  if (request.state === 'expired') {
    const minutes = Math.round((Date.parse(expiresAt) - Date.parse(askedAt)) / 6_000) / 10;
    return { allow: false, message: `Denied: nobody answered within ${minutes} minutes.` };
  }
  if (answer?.kind !== 'permission') return null;
  if (answer.decision === 'allow') return { allow: true };
  const by = answeredBy === null ? '' : ` by ${answererText(answeredBy)}`;
  return {
    allow: false,
    message: answer.message === null ? `Denied${by}.` : `Denied${by}: ${answer.message}`,
  };
}

/** What the log of the session says of the state the request is in now. */
export function inputRequestEvent(request: InputRequest, at: string): DomainEvent {
  const { id, agentId, sessionId, kind, tool, answer, answeredBy, expiresAt } = request;
  const agent = { id: agentId, sessionId };
  const asked = { id, kind, tool, action: shorten(request.action, maxEventText) };
  switch (request.state) {
    case 'open':
      return agentEvent('request.opened', agent, at, { ...asked, expiresAt });
    case 'answered': {
      const decision = answer?.kind === 'permission' ? answer.decision : null;
      const said = answer?.kind === 'question' ? answer.text : (answer?.message ?? null);
      const text = said === null ? null : shorten(said, maxEventText);
      const by = answeredBy === null ? '' : answererText(answeredBy);
      return agentEvent('request.answered', agent, at, { ...asked, decision, text, by });
    }
    case 'expired':
      return agentEvent('request.expired', agent, at, asked);
    case 'withdrawn':
      return agentEvent('request.withdrawn', agent, at, asked);
  }
}

/** Who answered, for people: to follow 'by'. */
export function answererText(by: Answerer): string {
  switch (by.type) {
    case 'rule':
      return `the rule ${by.rule}`;
    case 'person':
      return by.front === 'cli' ? 'a person at a terminal' : `a client over ${by.front.toUpperCase()}`;
    case 'agent':
      return by.name;
  }
}

function isSameAnswer(one: Answer | null, other: Answer): boolean {
  if (one?.kind === 'permission' && other.kind === 'permission')
    return one.decision === other.decision && one.message === other.message;
  return one?.kind === 'question' && other.kind === 'question' && one.text === other.text;
}

function close(
  request: InputRequest,
  to: InputRequestState,
  at: string,
  changes: Partial<InputRequest> = {},
): InputRequest {
  assertTransition(inputRequestTransitions, `Request ${request.id}`, request.state, to);
  return { ...request, ...changes, state: to, closedAt: at };
}

function notOpen({ id, state, closedAt, answeredBy }: InputRequest): MaosError {
  const by = answeredBy === null ? '' : ` by ${answererText(answeredBy)}`;
  const why =
    state === 'withdrawn'
      ? `the agent has not waited for an answer since ${closedAt}`
      : state === 'expired'
        ? `it expired at ${closedAt}`
        : `it was answered${by} at ${closedAt}`;
  return new MaosError('INVALID_TRANSITION', `Request ${id} takes no answer: ${why}.`, {
    details: { id, state },
  });
}
