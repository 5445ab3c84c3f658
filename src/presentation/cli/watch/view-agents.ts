import type { Agent } from '../../../domain/agent.ts';
import { renderLive } from '../render/live-block.ts';
import { agentLines, type LiveView } from '../render/live-lines.ts';
import { type Paint, plainPaint } from '../shell/terminal.ts';
import { agentsArea, windowTop } from './layout.ts';
import { chosenAgent, chosenSession, type SessionView, type WatchState } from './state.ts';
import { fill, fit } from './styled-text.ts';

/** The session's own lines, and one line per agent: those of the live view of `maos run`. */

/** Rows that the live view needs to show the session in two lines. */
const liveRows = 24;

function liveView({ workflow, activities, asks }: SessionView, now: number): LiveView {
  // Once a second, as the times: a faster one would keep a slow connection busy.
  return { workflow, activities, asks, now, frame: Math.floor(now / 1_000) };
}

/** Two rows: the session, and its progress. */
export function sessionLines(state: WatchState, paint: Paint): readonly string[] {
  const session = chosenSession(state);
  if (session === null) return [];
  const size = { columns: state.size.columns, rows: liveRows };
  return renderLive(liveView(session, state.now), size, paint).slice(0, 2);
}

/** The agents that match the filter, phase by phase. */
export function shownAgents(state: WatchState): readonly Agent[] {
  const session = chosenSession(state);
  if (session === null) return [];
  const agents = session.workflow.agents.toSorted((a, b) => a.phase - b.phase);
  const wanted = state.filters.agents.toLowerCase();
  if (wanted === '') return agents;
  const lines = agentLines(agents, liveView(session, state.now), 1_000, plainPaint);
  return agents.filter((_, index) => lines[index]?.toLowerCase().includes(wanted));
}

/** The agents on the screen. */
export function agentRows(state: WatchState): readonly Agent[] {
  const shown = shownAgents(state);
  const { height } = agentsArea(state);
  const at = shown.findIndex(({ id }) => id === chosenAgent(state)?.id);
  const top = windowTop(shown.length, height, at);
  return shown.slice(top, top + height);
}

/** The lines of the agents on the screen. */
export function agentList(state: WatchState, paint: Paint): string[] {
  const session = chosenSession(state);
  if (session === null) return [];
  const { width } = agentsArea(state);
  const agents = agentRows(state);
  if (agents.length === 0) return ['  No agent matches.'];
  const chosen = chosenAgent(state)?.id;
  return agentLines(agents, liveView(session, state.now), width - 2, paint).map((line, index) =>
    selectable(line, agents[index]?.id === chosen, width, paint),
  );
}

/** With the mark of the chosen line, which is seen without colours too. */
export function selectable(line: string, isChosen: boolean, width: number, paint: Paint): string {
  if (!isChosen) return fit(`  ${line}`, width);
  return paint('inverse', fill(fit(`> ${line}`, width), width));
}
