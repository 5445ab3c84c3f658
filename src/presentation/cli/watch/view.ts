import { oneLine } from '../../contracts/event-lines.ts';
import type { Paint } from '../shell/terminal.ts';
import { agentsArea, isBeside, paneArea, tabLabels, tooSmallText, windowTop } from './layout.ts';
import {
  chosenRequest,
  chosenSession,
  isTooSmall,
  leastSize,
  openRequests,
  type WatchState,
} from './state.ts';
import { fill, fit, wrap } from './styled-text.ts';
import { agentList, sessionLines } from './view-agents.ts';
import { dialogRows } from './view-dialog.ts';
import { paneLines, startOfPane } from './view-pane.ts';
import { sessionRows, sessionsTitle } from './view-sessions.ts';

/** A longer one is cut. */
const maxNoticeRows = 4;

/** The rows of the whole screen, at most as many as it has, each narrower than it. */
export function renderWatch(state: WatchState, paint: Paint): string[] {
  const { columns, rows } = state.size;
  if (isTooSmall(state.size)) return wrap(tooSmallText(state.size, leastSize), columns - 1).slice(0, rows);
  const body = state.focus === 'sessions' ? sessionsScreen(state, paint) : sessionScreen(state, paint);
  const last = lastRows(state, paint);
  const above = Array.from({ length: rows - last.length }, (_, index) => body[index] ?? '');
  const screen = [...above, ...last];
  const dialog = dialogRows(state, paint);
  return [...screen.slice(0, rows - dialog.length), ...dialog].map((row) => fit(row, columns - 1));
}

function sessionsScreen(state: WatchState, paint: Paint): string[] {
  return [paint('bold', sessionsTitle(state)), ...sessionRows(state, paint)];
}

function sessionScreen(state: WatchState, paint: Paint): string[] {
  const session = chosenSession(state);
  if (session === null) return [paint('dim', 'Reading the session …')];
  const { width } = agentsArea(state);
  const pane = paneRows(state, paint);
  const agents = agentList(state, paint);
  const head = sessionLines(state, paint);
  const title = paint(state.focus === 'agents' ? 'bold' : 'dim', agentsTitle(state));
  if (!isBeside(state.size)) {
    const { height } = agentsArea(state);
    const list = Array.from({ length: height }, (_, index) => agents[index] ?? '');
    return [...head, title, ...list, ...pane];
  }
  const bar = paint('dim', '│');
  const left = [title, ...agents];
  return [
    ...head,
    ...Array.from({ length: Math.max(left.length, pane.length, state.size.rows - 3) }, (_, index) =>
      `${fill(fit(left[index] ?? '', width), width)}${bar} ${pane[index] ?? ''}`.trimEnd(),
    ),
  ];
}

function agentsTitle(state: WatchState): string {
  const filter = state.filters.agents;
  return `Agents${filter === '' ? '' : ` with "${filter}"`}`;
}

/** The tabs, and the part of the chosen one that is visible. */
function paneRows(state: WatchState, paint: Paint): string[] {
  const { height, width } = paneArea(state);
  const lines = paneLines(state, paint);
  const most = Math.max(0, lines.length - height);
  const chosen = state.tab === 'requests' ? lines.findIndex((line) => line.includes('> ')) : -1;
  const start = chosen < 0 ? startOfPane(state, most) : windowTop(lines.length, height, chosen);
  const top = Math.min(most, state.top ?? start);
  const shown = lines.slice(top, top + height).map((line) => fit(line, width));
  return [tabRow(state, paint), ...shown];
}

function tabRow(state: WatchState, paint: Paint): string {
  return tabLabels(state)
    .map(({ tab, text }) => {
      if (tab === state.tab)
        return paint(state.focus === 'pane' ? ['bold', 'inverse'] : 'inverse', text.toUpperCase());
      return tab === 'requests' && openRequests(state).length > 0
        ? paint('yellow', text)
        : paint('dim', text);
    })
    .join('  ');
}

/** What is typed, what was done, or the keys. */
function lastRows(state: WatchState, paint: Paint): string[] {
  const { dialog, notice, focus, filters, size } = state;
  if (dialog?.type === 'filter') {
    return [`Filter: ${filters[focus]}█  ${paint('dim', 'Enter: keep   Esc: undo')}`];
  }
  if (notice !== null) {
    const lines = wrap(oneLine(notice.text), size.columns - 1).slice(0, maxNoticeRows);
    return lines.map((line) => paint(notice.failed ? 'yellow' : 'green', line));
  }
  const filter = filters[focus] === '' ? '' : `filter "${filters[focus]}" (Esc: off)  `;
  const asked = openRequests(state).length === 0 ? null : chosenRequest(state);
  const asks = asked === null ? '' : asked.kind === 'question' ? '  e answer' : '  a allow  d deny';
  const moves = focus === 'sessions' ? 'Enter open' : 'Tab pane  1-7 tabs  Esc back';
  return [`${filter}${paint('dim', `? keys  q leave  ${moves}  / filter${asks}`)}`];
}
