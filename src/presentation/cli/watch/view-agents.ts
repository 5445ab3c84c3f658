import type { Agent } from '../../../domain/agent.ts';
import { renderLive } from '../render/live-block.ts';
import { type Paint, plainPaint } from '../shell/terminal.ts';
import { agentsArea, windowTop } from './layout.ts';
import { chosenAgent, chosenSession, type WatchState } from './state.ts';
import { fill, fit } from './styled-text.ts';

/** The session's own line, and one line per agent: those of the live view of `maos run`. */

function liveLines(state: WatchState, width: number, paint: Paint): readonly string[] {
  const session = chosenSession(state);
  if (session === null) return [];
  const { workflow, activities, asks } = session;
  const view = { workflow, activities, asks, now: state.now, frame: Math.floor(state.now / 1_000) };
  return renderLive(view, { columns: width + 1, rows: workflow.agents.length + 4 }, paint);
}

export function sessionLine(state: WatchState, paint: Paint): string {
  return liveLines(state, state.size.columns - 1, paint)[0] ?? '';
}

/** The agents that match the filter, in the plan's order. */
export function shownAgents(state: WatchState): readonly Agent[] {
  const agents = chosenSession(state)?.workflow.agents ?? [];
  const wanted = state.filters.agents.toLowerCase();
  if (wanted === '') return agents;
  const lines = liveLines(state, 1_000, plainPaint).slice(1);
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

export function agentLines(state: WatchState, paint: Paint): string[] {
  const { width } = agentsArea(state);
  const agents = chosenSession(state)?.workflow.agents ?? [];
  const lines = liveLines(state, width, paint).slice(1);
  const byId = new Map(agents.map(({ id }, index) => [id, lines[index] ?? '']));
  const rows = agentRows(state);
  if (rows.length === 0 && agents.length > 0) return ['  No agent matches.'];
  const chosen = chosenAgent(state)?.id;
  // Two blanks before each line of the live view make room for the mark.
  return rows.map(({ id }) => selectable((byId.get(id) ?? '').slice(2), id === chosen, width, paint));
}

/** With the mark of the chosen line, which is seen without colours too. */
export function selectable(line: string, isChosen: boolean, width: number, paint: Paint): string {
  if (!isChosen) return fit(`  ${line}`, width);
  return paint('inverse', fill(fit(`> ${line}`, width), width));
}
