import type { AgentId, InputRequestId, SessionId } from '../../../domain/ids.ts';
import { answerDialog, openAction, withFilter } from './dialogs.ts';
import type { Input } from './keys.ts';
import { agentsArea, contains, paneArea, sessionsArea, tabLabels } from './layout.ts';
import {
  type AgentView,
  chosenAgent,
  chosenSession,
  type Effect,
  type Focus,
  isTooSmall,
  type ListedSession,
  type SessionView,
  type Size,
  type Tab,
  tabs,
  type WatchState,
} from './state.ts';
import { agentRows, shownAgents } from './view-agents.ts';
import { paneLines, paneRequests, startOfPane } from './view-pane.ts';
import { sessionsTop, shownSessions } from './view-sessions.ts';

/** What happened, for {@link update}. */
export type WatchEvent =
  | { readonly type: 'input'; readonly input: Input }
  | { readonly type: 'resized'; readonly size: Size }
  | { readonly type: 'ticked'; readonly now: number }
  | { readonly type: 'sessions'; readonly sessions: readonly ListedSession[] }
  | { readonly type: 'session'; readonly session: SessionView }
  | { readonly type: 'agent'; readonly agent: AgentView }
  | { readonly type: 'told'; readonly text: string; readonly failed: boolean };

export interface Update {
  readonly state: WatchState;
  readonly effects: readonly Effect[];
}

/** The state after an event, and what is to be done. */
export function update(state: WatchState, event: WatchEvent): Update {
  switch (event.type) {
    case 'input':
      return onInput(state, event.input);
    case 'resized':
      return { state: { ...state, size: event.size }, effects: [] };
    case 'ticked':
      return { state: { ...state, now: event.now }, effects: [] };
    case 'sessions': {
      const sessionId = state.sessionId ?? event.sessions[0]?.summary.session.id ?? null;
      return { state: { ...state, sessions: event.sessions, sessionId }, effects: [] };
    }
    case 'session':
      return { state: { ...state, session: event.session }, effects: [] };
    case 'agent':
      return { state: { ...state, agent: event.agent }, effects: [] };
    case 'told':
      return { state: { ...state, notice: { text: event.text, failed: event.failed } }, effects: [] };
  }
}

function onInput(state: WatchState, input: Input): Update {
  if (input.type === 'key' && input.name === 'ctrl-c') return { state, effects: [{ type: 'quit' }] };
  if (input.type === 'key' && input.name === 'ctrl-z') return { state, effects: [{ type: 'suspend' }] };
  // Nobody answers what they cannot see.
  if (isTooSmall(state.size)) {
    return { state, effects: input.type === 'key' && input.name === 'q' ? [{ type: 'quit' }] : [] };
  }
  if (state.dialog !== null) return answerDialog(state, state.dialog, input);
  if (input.type === 'paste') return none(state);
  const quiet = { ...state, notice: null };
  if (input.type === 'mouse') return none(onMouse(quiet, input));
  return onKey(quiet, input.name);
}

function none(state: WatchState): Update {
  return { state, effects: [] };
}

function onKey(state: WatchState, name: string): Update {
  switch (name) {
    case 'q':
      return { state, effects: [{ type: 'quit' }] };
    case '?':
      return none({ ...state, dialog: { type: 'help', top: 0 } });
    case '/':
      return none({ ...state, dialog: { type: 'filter', before: state.filters[state.focus] } });
    case 'm':
      return {
        state: {
          ...state,
          mouse: !state.mouse,
          notice: { text: `Mouse ${state.mouse ? 'off' : 'on'}.`, failed: false },
        },
        effects: [{ type: 'mouse', on: !state.mouse }],
      };
    case 'escape':
    case 'backspace':
      return none(back(state));
    case 'enter':
      return none(forward(state));
  }
  const moved = onMove(state, name);
  if (moved !== null) return none(moved);
  return none(openAction(state, name));
}

/** A filter goes first, then one step back to the list of sessions. */
function back(state: WatchState): WatchState {
  if (state.filters[state.focus] !== '') return withFilter(state, state.focus, '');
  const before: Readonly<Record<Focus, Focus>> = { sessions: 'sessions', agents: 'sessions', pane: 'agents' };
  return { ...state, focus: before[state.focus] };
}

function forward(state: WatchState): WatchState {
  if (state.focus === 'pane') return state.tab === 'requests' ? openAction(state, 'e') : state;
  if (state.focus === 'agents') return { ...state, focus: 'pane' };
  return state.sessionId === null ? state : { ...state, focus: 'agents' };
}

function onMove(state: WatchState, name: string): WatchState | null {
  if (state.focus !== 'sessions') {
    const tab = tabs[Number(name) - 1];
    if (tab !== undefined && /^\d$/.test(name)) return showTab(state, tab);
    if (name === 'left' || name === 'right') return besideTab(state, name === 'right' ? 1 : -1);
    if (name === 'tab' || name === 'back-tab')
      return { ...state, focus: state.focus === 'agents' ? 'pane' : 'agents' };
  }
  const page = pageOf(state);
  switch (name) {
    case 'up':
    case 'k':
      return move(state, -1);
    case 'down':
    case 'j':
      return move(state, 1);
    case 'home':
    case 'g':
      return move(state, Number.NEGATIVE_INFINITY);
    case 'end':
    case 'G':
      return move(state, Number.POSITIVE_INFINITY);
    // From the agents too, because reading on is what a page key is for.
    case 'page-up':
    case 'b':
      return state.focus === 'sessions' ? move(state, -page) : scroll(state, -page);
    case 'page-down':
    case ' ':
      return state.focus === 'sessions' ? move(state, page) : scroll(state, page);
    default:
      return null;
  }
}

function pageOf(state: WatchState): number {
  const area = state.focus === 'sessions' ? sessionsArea(state.size) : paneArea(state);
  return Math.max(1, area.height - 1);
}

function showTab(state: WatchState, tab: Tab): WatchState {
  return tab === state.tab ? state : { ...state, tab, top: null };
}

function besideTab(state: WatchState, by: number): WatchState {
  const next = tabs[(tabs.indexOf(state.tab) + by + tabs.length) % tabs.length];
  return next === undefined ? state : showTab(state, next);
}

function move(state: WatchState, by: number): WatchState {
  if (state.focus === 'sessions') {
    const ids = shownSessions(state).map(({ summary }) => summary.session.id);
    return chooseSession(state, neighbour(ids, state.sessionId, by));
  }
  if (state.focus === 'agents') {
    const ids = shownAgents(state).map(({ id }) => id);
    return chooseAgent(state, neighbour(ids, chosenAgent(state)?.id ?? null, by));
  }
  if (state.tab === 'requests') {
    const ids = paneRequests(state).map(({ id }) => id);
    const requestId: InputRequestId | null = neighbour(ids, state.requestId ?? ids[0] ?? null, by);
    return { ...state, requestId, top: null };
  }
  return scroll(state, by);
}

function neighbour<Id>(ids: readonly Id[], from: Id | null, by: number): Id | null {
  const at = from === null ? -1 : ids.indexOf(from);
  // One that is filtered out gives way to the first.
  const to = at < 0 ? 0 : Math.min(ids.length - 1, Math.max(0, at + by));
  return ids[to] ?? from;
}

function chooseSession(state: WatchState, sessionId: SessionId | null): WatchState {
  if (sessionId === state.sessionId) return state;
  const filters = { ...state.filters, agents: '', pane: '' };
  return { ...state, sessionId, agentId: null, requestId: null, agent: null, top: null, filters };
}

function chooseAgent(state: WatchState, agentId: AgentId | null): WatchState {
  if (agentId === chosenAgent(state)?.id) return state;
  const isOfAgent = state.tab === 'output' || state.tab === 'checks' || state.tab === 'diff';
  return { ...state, agentId, ...(isOfAgent ? { top: null } : {}) };
}

function scroll(state: WatchState, by: number): WatchState {
  const most = Math.max(0, paneLines(state).length - paneArea(state).height);
  const top = Math.min(most, Math.max(0, (state.top ?? startOfPane(state, most)) + by));
  // At the end of what grows, new lines are followed again.
  return { ...state, top: top === startOfPane(state, most) ? null : top };
}

function onMouse(state: WatchState, { what, row, column }: Extract<Input, { type: 'mouse' }>): WatchState {
  const step = what === 'click' ? 0 : what === 'wheel-up' ? -3 : 3;
  if (state.focus === 'sessions') {
    if (step !== 0) return move(state, step);
    const area = sessionsArea(state.size);
    const clicked = contains(area, row, column)
      ? shownSessions(state)[sessionsTop(state) + row - area.top]?.summary.session.id
      : undefined;
    if (clicked === undefined) return state;
    return clicked === state.sessionId ? forward(state) : chooseSession(state, clicked);
  }
  if (chosenSession(state) === null) return state;
  const agents = agentsArea(state);
  const pane = paneArea(state);
  if (contains(agents, row, column)) {
    const focused: WatchState = { ...state, focus: 'agents' };
    if (step !== 0) return move(focused, step / 3);
    return chooseAgent(focused, agentRows(state).at(row - agents.top)?.id ?? chosenAgent(state)?.id ?? null);
  }
  if (step === 0 && row === pane.top - 1) {
    const at = column - pane.left;
    const label = tabLabels(state).find(({ from, to }) => at >= from && at < to);
    return label === undefined ? state : showTab({ ...state, focus: 'pane' }, label.tab);
  }
  if (!contains(pane, row, column)) return state;
  const focused: WatchState = { ...state, focus: 'pane' };
  return step === 0 ? focused : scroll(focused, step);
}
