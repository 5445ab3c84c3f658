import { endOf, shorten, startOf } from './cut-text.ts';
import { MaosError } from './errors.ts';
import { agentEvent, type DomainEvent } from './events.ts';
import type { AgentId, InputRequestId, SessionId } from './ids.ts';
import { collapseSpaces } from './invisible-marks.ts';
import { assertTransition, type TransitionTable } from './transitions.ts';

export const inputRequestKinds = ['permission', 'question'] as const;
export type InputRequestKind = (typeof inputRequestKinds)[number];

export const inputRequestStates = ['open', 'answered', 'expired', 'withdrawn'] as const;
export type InputRequestState = (typeof inputRequestStates)[number];

export const inputRequestTransitions: TransitionTable<InputRequestState> = {
  /** `withdrawn`: the attempt that asked is over, so no agent waits for the answer. */
  open: ['answered', 'expired', 'withdrawn'],
  answered: [],
  expired: [],
  withdrawn: [],
};

/** Longer texts are cut in the middle, because people read them wherever requests are shown. */
export const maxActionLength = 4_000;
/** Characters to keep of the end of a cut text, because what matters must not hide behind a long beginning. */
const keptEnd = 1_000;
export const maxAnswerLength = 100_000;
/** Maximum number of open requests of one attempt; further ones are denied or refused. */
export const maxOpenRequests = 50;
const maxChoices = 20;
const maxChoiceLength = 200;
/** Maximum length of a tool's name, or of a CLI's own request id; real ones are far shorter. */
const maxNameLength = 500;
/** Maximum length of a text in an event. */
const maxEventText = 1_000;

/** A request of an agent to people or to the agent that leads it. Published as a request, `req_…`. */
export interface InputRequestDraft {
  readonly id: InputRequestId;
  readonly sessionId: SessionId;
  readonly agentId: AgentId;
  readonly attempt: number;
  /** The CLI's own id, unique within the attempt: the same key again is the same request. */
  readonly key: string;
  readonly kind: InputRequestKind;
  /** The tool that needs the permission; null for a question. */
  readonly tool: string | null;
  /** The requested action or the question, for people. */
  readonly action: string;
  /** The reason, in the agent's or its CLI's words; null if none was given. */
  readonly reason: string | null;
  /** Suggested answers to a question; any other text is an answer too. */
  readonly choices: readonly string[];
  /** ISO 8601. Without an answer by then, a permission is denied, and a question stays unanswered. */
  readonly expiresAt: string;
}

export type Answer =
  | { readonly kind: 'permission'; readonly decision: 'allow' | 'deny'; readonly message: string | null }
  | { readonly kind: 'question'; readonly text: string };

/** Who answered: a rule of the user, a person, or an agent by its name. */
export type Answerer =
  | { readonly type: 'rule'; readonly rule: string }
  | { readonly type: 'person'; readonly front: 'cli' | 'mcp' | 'http' }
  | { readonly type: 'agent'; readonly name: string };

export interface InputRequest extends InputRequestDraft {
  readonly state: InputRequestState;
  readonly askedAt: string;
  /** When it left the state `open`; null while it is open. */
  readonly closedAt: string | null;
  readonly answer: Answer | null;
  readonly answeredBy: Answerer | null;
}

/** Creates a request. @throws MaosError INVALID_INPUT for a request without text */
export function openRequest(draft: InputRequestDraft, at: string): InputRequest {
  if (draft.action.trim() === '') {
    throw new MaosError('INVALID_INPUT', 'Nothing is asked. Say in a sentence what should be answered.');
  }
  return {
    ...draft,
    key: startOf(draft.key, maxNameLength),
    tool: draft.tool === null ? null : shorten(draft.tool, maxNameLength),
    action: cutAction(draft.action),
    reason: draft.reason === null ? null : shorten(draft.reason, maxActionLength),
    choices: draft.choices.slice(0, maxChoices).map((choice) => shorten(choice, maxChoiceLength)),
    state: 'open',
    askedAt: at,
    closedAt: null,
    answer: null,
    answeredBy: null,
  };
}

/** A longer text says how much of it is missing, and where the whole is. */
function cutAction(action: string): string {
  if (action.length <= maxActionLength) return action;
  const size = action.length.toLocaleString('en-US');
  const note = `\n[cut here: ${size} characters in all; the agent's output ('maos logs') has them]\n`;
  return `${startOf(action, maxActionLength - keptEnd - note.length)}${note}${endOf(action, keptEnd)}`;
}

/**
 * Stores the first answer. The same answer again changes nothing.
 * @throws MaosError INVALID_INPUT for an answer of the other kind or one that is too long, INVALID_TRANSITION when the
 *   request is no longer open
 */
export function answerRequest(request: InputRequest, answer: Answer, by: Answerer, at: string): InputRequest {
  const { id, kind, state } = request;
  if (answer.kind !== kind) {
    const how =
      kind === 'permission'
        ? "Allow or deny it: 'maos approve' or 'maos deny' (respond: decision)"
        : "Answer it with a text: 'maos answer' (respond: answer)";
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

/** Expires an open request whose time is over; leaves any other unchanged. */
export function expireRequest(request: InputRequest, at: string): InputRequest {
  if (request.state !== 'open' || request.expiresAt > at) return request;
  return close(request, 'expired', at);
}

/** Withdraws an open request, for which no agent waits any more; leaves any other unchanged. */
export function withdrawRequest(request: InputRequest, at: string): InputRequest {
  return request.state === 'open' ? close(request, 'withdrawn', at) : request;
}

/** The event for the request's current state. */
export function inputRequestEvent(request: InputRequest, at: string): DomainEvent {
  const { id, agentId, sessionId, kind, tool, answer, answeredBy, expiresAt } = request;
  const agent = { id: agentId, sessionId };
  const asked = { id, kind, tool, action: shorten(collapseSpaces(request.action), maxEventText) };
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

/** Who answered, for people, to follow "by". */
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
