import { showName } from '../../../domain/invisible-marks.ts';
import { alreadyInState } from '../../../domain/state-words.ts';
import type { Workflow } from '../../../domain/workflow.ts';
import type { Input } from './keys.ts';
import { askCancel, askDecision, askLand, askPause, askResume, askRetry } from './questions.ts';
import {
  chosenAgent,
  chosenRequest,
  chosenSession,
  type Dialog,
  type Effect,
  type Focus,
  type Question,
  type WatchState,
} from './state.ts';
import { lastTop } from './view-dialog.ts';

/** What dialogs do with keys, and the keys that open one. */

/** Opens the question of a key; unchanged for a key that has none. Nothing is done before the user has answered it. */
export function openAction(state: WatchState, name: string): WatchState {
  const session = chosenSession(state);
  if (!'prctTxlade'.includes(name)) return state;
  if (session === null) return told(state, 'There is no session to act on.');
  const { workflow } = session;
  if (name === 'a' || name === 'd' || name === 'e') return openRequest(state, workflow, name);
  const agent = state.focus === 'sessions' ? null : chosenAgent(state);
  if ((name === 'x' || name === 'T') && agent === null)
    return told(state, 'Press Enter to choose an agent first.');
  const asked = {
    p: () => askPause(workflow),
    r: () => askResume(workflow),
    c: () => askCancel(workflow, null),
    x: () => askCancel(workflow, agent),
    t: () => askRetry(workflow, null),
    T: () => askRetry(workflow, agent),
    l: () => askLand(workflow),
  }[name as 'p' | 'r' | 'c' | 'x' | 't' | 'T' | 'l']();
  return ask(state, asked);
}

function openRequest(state: WatchState, { agents }: Workflow, name: 'a' | 'd' | 'e'): WatchState {
  const request = chosenRequest(state);
  if (request === null) return told(state, 'No agent of this session is asking anything.');
  const agent = agents.find(({ id }) => id === request.agentId)?.name ?? request.agentId;
  if (name !== 'e') return ask(state, askDecision(request, agent, name === 'a' ? 'allow' : 'deny'));
  if (request.state !== 'open') return told(state, `${request.id} ${alreadyInState(request.state)}.`);
  if (request.kind === 'permission')
    return told(state, `${agent} asks for a permission: press a to allow it, d to deny it.`);
  return { ...state, dialog: { type: 'answer', request, text: '' } };
}

function ask(state: WatchState, asked: Question | string): WatchState {
  if (typeof asked === 'string') return told(state, asked);
  return { ...state, dialog: { type: 'question', question: withProject(state, asked), top: 0 } };
}

/** Among the sessions of several projects, says which one is meant. */
function withProject({ all, sessions, sessionId }: WatchState, question: Question): Question {
  const listed = sessions?.find(({ summary }) => summary.session.id === sessionId);
  if (!all || listed === undefined) return question;
  return { ...question, says: [...question.says, `Project: ${showName(listed.project)}`] };
}

function told(state: WatchState, text: string): WatchState {
  return { ...state, notice: { text, failed: true } };
}

interface Answered {
  readonly state: WatchState;
  readonly effects: readonly Effect[];
}

export function answerDialog(state: WatchState, dialog: Dialog, input: Input): Answered {
  if (input.type === 'mouse') {
    return input.what === 'click' ? none(state) : none(scrolled(state, input.what === 'wheel-up' ? -1 : 1));
  }
  switch (dialog.type) {
    case 'help':
      return none(
        input.type === 'key' && isScroll(input.name) ? scrolled(state, stepOf(input.name)) : closed(state),
      );
    case 'question':
      return input.type === 'key' ? answerQuestion(state, dialog, input.name) : none(state);
    case 'filter':
      return none(editFilter(state, dialog, input));
    case 'answer':
      return editAnswer(state, dialog, input);
  }
}

function answerQuestion(
  state: WatchState,
  { question, top }: Extract<Dialog, { type: 'question' }>,
  name: string,
): Answered {
  if (isScroll(name)) return none(scrolled(state, stepOf(name)));
  if (name === 'n' || name === 'N' || name === 'escape' || name === 'q') return none(closed(state));
  if (name !== 'y' && name !== 'Y') return none(state);
  // Nobody agrees to what they have not seen.
  if (top < lastTop(state)) return none(scrolled(state, 1));
  return { state: closed(state), effects: [question.effect] };
}

function editFilter(
  state: WatchState,
  { before }: Extract<Dialog, { type: 'filter' }>,
  input: Input,
): WatchState {
  const { focus, filters } = state;
  if (input.type === 'key' && input.name === 'enter') return closed(state);
  if (input.type === 'key' && input.name === 'escape') return closed(withFilter(state, focus, before));
  return withFilter(state, focus, edited(filters[focus], input));
}

function editAnswer(
  state: WatchState,
  { request, text }: Extract<Dialog, { type: 'answer' }>,
  input: Input,
): Answered {
  if (input.type === 'key' && input.name === 'escape') return none(closed(state));
  if (input.type === 'key' && input.name === 'enter') {
    if (text.trim() === '') return none(state);
    const { id, sessionId } = request;
    const effect: Effect = { type: 'answer', id: sessionId, request: id, answer: { kind: 'question', text } };
    return { state: closed(state), effects: [effect] };
  }
  return none({ ...state, dialog: { type: 'answer', request, text: edited(text, input, true) } });
}

/** @param lines whether a paste keeps its line breaks */
function edited(text: string, input: Input, lines = false): string {
  if (input.type === 'paste') {
    const pasted = input.text.replaceAll(/\r\n?/g, '\n');
    return text + (lines ? pasted : pasted.replaceAll('\n', ' '));
  }
  if (input.type !== 'key') return text;
  if (input.name === 'backspace') return [...text].slice(0, -1).join('');
  if (input.name === 'ctrl-u') return '';
  if (input.name === 'ctrl-w') return text.replace(/\S*\s*$/, '');
  return [...input.name].length === 1 ? text + input.name : text;
}

/** With another filter, and without a choice that it hides. */
export function withFilter(state: WatchState, focus: Focus, filter: string): WatchState {
  return {
    ...state,
    filters: { ...state.filters, [focus]: filter },
    ...(focus === 'pane' ? { top: null } : {}),
  };
}

function closed(state: WatchState): WatchState {
  return { ...state, dialog: null };
}

function none(state: WatchState): Answered {
  return { state, effects: [] };
}

const scrollSteps: Readonly<Record<string, number>> = {
  up: -1,
  down: 1,
  'page-up': -10,
  'page-down': 10,
  ' ': 10,
};

function isScroll(name: string): boolean {
  return scrollSteps[name] !== undefined;
}

function stepOf(name: string): number {
  return scrollSteps[name] ?? 0;
}

function scrolled(state: WatchState, by: number): WatchState {
  const { dialog } = state;
  if (dialog === null || !('top' in dialog)) return state;
  return { ...state, dialog: { ...dialog, top: Math.min(lastTop(state), Math.max(0, dialog.top + by)) } };
}
