import { plural } from '../../../domain/amounts.ts';
import { chosenSession, openRequests, type Size, type Tab, tabs, type WatchState } from './state.ts';

/** Where everything is on the screen. */

export interface Area {
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
}

/** From this width on, agents are beside the pane instead of above it. */
const besideFrom = 120;
const maxAgentsWidth = 64;
const leastAgentRows = 3;

/** Under the title and the heading of the table, above the last line. The last column stays free. */
export function sessionsArea({ columns, rows }: Size): Area {
  return { left: 0, top: 2, width: columns - 1, height: rows - 3 };
}

/** Under the session and its progress. */
export function agentsArea(state: WatchState): Area {
  const { columns, rows } = state.size;
  const count = chosenSession(state)?.workflow.agents.length ?? 0;
  if (isBeside(state.size)) {
    return { left: 0, top: 3, width: Math.min(maxAgentsWidth, Math.floor(columns * 0.4)), height: rows - 4 };
  }
  const height = Math.max(leastAgentRows, Math.min(count, Math.floor((rows - 5) / 3)));
  return { left: 0, top: 3, width: columns - 1, height };
}

/** The row of the tabs is above it. */
export function paneArea(state: WatchState): Area {
  const { columns, rows } = state.size;
  const agents = agentsArea(state);
  if (!isBeside(state.size)) {
    const top = agents.top + agents.height + 1;
    return { left: 0, top, width: columns - 1, height: rows - 1 - top };
  }
  const left = agents.width + 2;
  return { left, top: 3, width: columns - 1 - left, height: rows - 4 };
}

export function isBeside({ columns }: Size): boolean {
  return columns >= besideFrom;
}

export function contains({ left, top, width, height }: Area, row: number, column: number): boolean {
  return row >= top && row < top + height && column >= left && column < left + width;
}

export interface TabLabel {
  readonly tab: Tab;
  readonly text: string;
  /** Columns from the left of the pane: from, to (exclusive). */
  readonly from: number;
  readonly to: number;
}

const titles: Readonly<Record<Tab, string>> = {
  output: 'Output',
  graph: 'Graph',
  events: 'Events',
  messages: 'Messages',
  requests: 'Requests',
  checks: 'Checks',
  diff: 'Diff',
};

export function tabLabels(state: WatchState): readonly TabLabel[] {
  const open = openRequests(state).length;
  let from = 0;
  return tabs.map((tab, index) => {
    const count = tab === 'requests' && open > 0 ? ` (${open})` : '';
    const text = `${index + 1} ${titles[tab]}${count}`;
    const label = { tab, text, from, to: from + text.length };
    from = label.to + 2;
    return label;
  });
}

/** The first of `count` lines that is shown, so that line `at` is visible and as little as possible moves. */
export function windowTop(count: number, height: number, at: number): number {
  const most = Math.max(0, count - height);
  return Math.min(most, Math.max(0, at - Math.floor(height / 2)));
}

export function tooSmallText({ columns, rows }: Size, least: Size): string {
  return `This terminal has ${plural(columns, 'column')} and ${plural(rows, 'row')}; maos watch needs ${least.columns} x ${least.rows}. Enlarge it, or press q and use 'maos list' and 'maos status'.`;
}
