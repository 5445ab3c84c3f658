import { plural } from '../../../domain/amounts.ts';
import { showName } from '../../../domain/invisible-marks.ts';
import { sessionTable } from '../commands/list.ts';
import type { Paint } from '../shell/terminal.ts';
import { sessionsArea, windowTop } from './layout.ts';
import type { ListedSession, WatchState } from './state.ts';
import { selectable } from './view-agents.ts';

/** The list of sessions. */

export function shownSessions({ sessions, filters }: WatchState): readonly ListedSession[] {
  const wanted = filters.sessions.toLowerCase();
  if (wanted === '') return sessions ?? [];
  return (sessions ?? []).filter(({ project, summary: { session } }) =>
    `${session.id} ${session.state} ${session.objective} ${project}`.toLowerCase().includes(wanted),
  );
}

/** Index of the first session on the screen. */
export function sessionsTop(state: WatchState): number {
  const shown = shownSessions(state);
  const at = shown.findIndex(({ summary }) => summary.session.id === state.sessionId);
  return windowTop(shown.length, sessionsArea(state.size).height, at);
}

/** The heading and the sessions that fit. */
export function sessionRows(state: WatchState, paint: Paint): string[] {
  const shown = shownSessions(state);
  if (state.sessions === null) return [];
  if (shown.length === 0) {
    const what =
      state.filters.sessions === ''
        ? "There is no session yet. Start one with 'maos run'."
        : 'No session matches.';
    return ['', `  ${what}`];
  }
  const { width, height } = sessionsArea(state.size);
  const top = sessionsTop(state);
  const [heading = '', ...lines] = sessionTable(shown, state.all, { paint, width: width - 4 }, state.now);
  const rows = lines.slice(top, top + height).map((line, index) => {
    const session = shown[top + index];
    const mark = session?.asks === true ? paint('yellow', '?') : ' ';
    return selectable(`${mark} ${line}`, session?.summary.session.id === state.sessionId, width, paint);
  });
  return [`    ${heading}`, ...rows];
}

export function sessionsTitle({ sessions, all }: WatchState): string {
  if (sessions === null) return 'maos watch  reading the sessions …';
  const project = sessions[0]?.project;
  const where = all ? 'every project' : project === undefined ? 'this project' : showName(project);
  const asking = sessions.filter(({ asks }) => asks).length;
  const asks = asking === 0 ? '' : `, ${asking === 1 ? '1 asks' : `${asking} ask`} something (?)`;
  return `maos watch  ${where}  ${plural(sessions.length, 'session')}${asks}`;
}
