import { activeMs } from '../../../domain/active-time.ts';
import type { Agent, AgentState } from '../../../domain/agent.ts';
import { formatDuration, formatUsage } from '../../../domain/amounts.ts';
import { budgetShares } from '../../../domain/budget.ts';
import { progressOf } from '../../../domain/orchestration.ts';
import { totalUsage } from '../../../domain/usage.ts';
import { oneLine } from '../../contracts/event-lines.ts';
import type { Paint } from '../shell/terminal.ts';
import { formatBudget, formatSessionState } from './format.ts';
import { agentLines, type LiveView } from './live-lines.ts';
import { lookOf, shortIdLength, spin, stateCounts } from './states.ts';
import { displayWidth, truncate } from './text-width.ts';

export interface LiveSize {
  readonly columns: number;
  readonly rows: number;
}

/** Lower terminals show the progress in the first line, without a bar. */
const barFrom = 10;
const maxBar = 30;

/**
 * The lines of the live view: the session, its progress, then one line per agent as far as the terminal's height allows,
 * phase by phase.
 */
export function renderLive(view: LiveView, size: LiveSize, paint: Paint): string[] {
  const { workflow } = view;
  const asking = view.asks?.size ?? 0;
  // One row stays free for the cursor, and one above for earlier output: a view that fills the screen would scroll.
  // Lines are short enough that the terminal does not wrap them.
  const width = Math.max(20, size.columns - 1);
  const head = size.rows < barFrom ? [header(view, width, paint)] : tallHeader(view, width, paint);
  const room = Math.max(0, size.rows - 2 - head.length - (asking > 0 ? 1 : 0));
  const agents = workflow.agents.toSorted((a, b) => a.phase - b.phase);
  const fits = agents.length <= room;
  const shown = fits ? agents : mostTelling(agents, Math.max(0, room - 1));
  const lines = [...head, ...agentLines(shown, view, width, paint)];
  if (!fits && room > 0) lines.push(paint('dim', truncate(`  … ${restOf(agents, shown)}`, width)));
  if (asking > 0 && size.rows > 3) {
    const who = asking === 1 ? 'An agent needs' : `${asking} agents need`;
    lines.push(paint('yellow', truncate(`  ${who} an answer; see: maos requests`, width)));
  }
  return lines;
}

function header(view: LiveView, width: number, paint: Paint): string {
  const { completed, failed, cancelled, total } = progressOf(view.workflow.agents);
  const counts = [
    `${completed}/${total} done`,
    ...(failed > 0 ? [`${failed} failed`] : []),
    ...(cancelled > 0 ? [`${cancelled} cancelled`] : []),
  ];
  return titleLine(view, [...counts, ...spentParts(view)], width, paint);
}

function tallHeader(view: LiveView, width: number, paint: Paint): readonly string[] {
  const { agents, session } = view.workflow;
  const progress = progressOf(agents);
  const counts = (['failed', 'cancelled', 'running', 'resumable', 'pending'] as const)
    .filter((state) => progress[state] > 0)
    .map(
      (state) =>
        `${progress[state]} ${session.state === 'paused' && state === 'running' ? 'suspended' : state}`,
    );
  const parts = [`${progress.completed} of ${progress.total} done`, ...counts, ...phaseParts(agents)];
  const cells = Math.min(maxBar, Math.floor(width / 4));
  const said = truncate(parts.join(' · '), width - cells - 4);
  return [
    titleLine(view, [...spentParts(view), oneLine(session.objective)], width, paint),
    `  ${bar(progress, cells, paint)}  ${said}`,
  ];
}

function titleLine(
  { workflow: { session }, now, frame }: LiveView,
  parts: readonly string[],
  width: number,
  paint: Paint,
): string {
  const { symbol, format } = lookOf(session.state);
  const mark = paint(format, session.state === 'running' ? spin(frame) : symbol);
  const title = ` ${session.id.slice(-shortIdLength)} ${formatSessionState(session, now)}`;
  const rest = truncate(`  ${parts.join(' · ')}`, width - 1 - displayWidth(title));
  return `${mark}${paint('bold', title)}${rest}`.trimEnd();
}

/** What the session has taken: time, tokens and cost, and how much of its budget that is. */
function spentParts({ workflow: { session, agents }, now }: LiveView): readonly string[] {
  const elapsedMs = activeMs({ ...session, startedAt: session.startedAt ?? session.createdAt }, now);
  const usage = totalUsage(agents.map((agent) => agent.usage));
  // The elapsed time is shown separately.
  const shares = budgetShares({ ...session.budget, maxWallMs: null }, usage, 0);
  return [
    formatDuration(elapsedMs),
    formatUsage(usage) ?? [],
    shares.length === 0 ? [] : `budget ${formatBudget(shares)}`,
  ].flat();
}

/** `phase 2 of 3`: the first phase with an agent that has not ended. */
function phaseParts(agents: readonly Agent[]): readonly string[] {
  const phases = [...new Set(agents.map(({ phase }) => phase))].toSorted((a, b) => a - b);
  if (phases.length < 2) return [];
  const open = agents.filter(({ endedAt, state }) => endedAt === null || state === 'resumable');
  const current = Math.min(...open.map(({ phase }) => phases.indexOf(phase)), phases.length - 1);
  return [`phase ${current + 1} of ${phases.length}`];
}

function bar(
  { completed, failed, cancelled, total }: ReturnType<typeof progressOf>,
  cells: number,
  paint: Paint,
): string {
  const ended = cellsOf(completed + failed + cancelled);
  const good = ended - Math.min(ended, Math.ceil(((failed + cancelled) / Math.max(1, total)) * cells));
  return [
    paint('green', '━'.repeat(good)),
    paint('red', '━'.repeat(ended - good)),
    paint('dim', '─'.repeat(cells - ended)),
  ].join('');
  function cellsOf(count: number): number {
    return Math.floor((count / Math.max(1, total)) * cells);
  }
}

const urgency: Readonly<Record<AgentState, number>> = {
  running: 0,
  failed: 1,
  resumable: 2,
  pending: 3,
  completed: 4,
  cancelled: 5,
};

/** The most relevant agents if there are not enough lines for all, in the given order. */
function mostTelling(agents: readonly Agent[], count: number): readonly Agent[] {
  const ranked = agents.toSorted(
    (a, b) => urgency[a.state] - urgency[b.state] || (b.endedAt ?? '').localeCompare(a.endedAt ?? ''),
  );
  const chosen = new Set(ranked.slice(0, count));
  return agents.filter((agent) => chosen.has(agent));
}

function restOf(agents: readonly Agent[], shown: readonly Agent[]): string {
  const hidden = agents.filter((agent) => !shown.includes(agent));
  return `${hidden.length} more: ${stateCounts(hidden)}`;
}
