import { isSuspended, postponedUntil } from '../../../application/queries/live-status.ts';
import { activeMs } from '../../../domain/active-time.ts';
import type { Agent, AgentState } from '../../../domain/agent.ts';
import { stageText } from '../../../domain/agent-stage.ts';
import { formatCount, formatDuration, formatUsage, plural } from '../../../domain/amounts.ts';
import { budgetShares, tokensOf } from '../../../domain/budget.ts';
import { progressOf } from '../../../domain/orchestration.ts';
import { totalUsage } from '../../../domain/usage.ts';
import { verifyingText } from '../../../domain/work-text.ts';
import type { Workflow } from '../../../domain/workflow.ts';
import { oneLine } from '../../contracts/event-lines.ts';
import type { Paint } from '../shell/terminal.ts';
import { formatBudget, formatSessionState, formatUntil } from './format.ts';
import { lookOf, spin } from './states.ts';
import { displayWidth, padEnd, padStart, truncate } from './text-width.ts';

export interface LiveView {
  readonly workflow: Workflow;
  /** By agent id: its last reported activity, or why it waits. */
  readonly activities: ReadonlyMap<string, string>;
  /** By agent id: the newest request that is open. */
  readonly asks?: ReadonlyMap<string, string> | undefined;
  /** Unix milliseconds. */
  readonly now: number;
  /** Counts up to animate the spinners. */
  readonly frame: number;
}

export interface LiveSize {
  readonly columns: number;
  readonly rows: number;
}

const maxName = 24;
const maxRole = 20;
const elapsedWidth = 8;
/** Narrower terminals show no roles. */
const rolesFrom = 80;

/** The lines of the live view: the session, then one line per agent as far as the terminal's height allows. */
export function renderLive(view: LiveView, size: LiveSize, paint: Paint): string[] {
  const { agents } = view.workflow;
  const asking = view.asks?.size ?? 0;
  // One row stays free for the cursor, and one above for earlier output: a view that fills the screen would scroll.
  // Lines are short enough that the terminal does not wrap them.
  const width = Math.max(20, size.columns - 1);
  const room = Math.max(1, size.rows - 2 - (asking > 0 ? 1 : 0)) - 1;
  const fits = agents.length <= room;
  const shown = fits ? agents : mostTelling(agents, Math.max(0, room - 1));
  const names = Math.min(maxName, Math.floor(width / 3), Math.max(...shown.map(({ name }) => name.length)));
  const roles =
    size.columns < rolesFrom ? 0 : Math.min(maxRole, Math.max(...shown.map(({ role }) => role.name.length)));
  const lines = [header(view, width, paint)];
  for (const agent of shown) lines.push(agentLine(agent, view, { width, names, roles }, paint));
  if (!fits && room > 0) lines.push(paint('dim', truncate(`  … ${restOf(agents, shown)}`, width)));
  if (asking > 0 && size.rows > 3) {
    const who = asking === 1 ? 'An agent needs' : `${asking} agents need`;
    lines.push(paint('yellow', truncate(`  ${who} an answer; see: maos requests`, width)));
  }
  return lines;
}

function header({ workflow, now, frame }: LiveView, width: number, paint: Paint): string {
  const { session, agents } = workflow;
  const { completed, failed, cancelled, total } = progressOf(agents);
  const elapsedMs = activeMs({ ...session, startedAt: session.startedAt ?? session.createdAt }, now);
  const usage = totalUsage(agents.map((agent) => agent.usage));
  // The elapsed time is shown separately.
  const shares = budgetShares({ ...session.budget, maxWallMs: null }, usage, 0);
  const parts = [
    formatSessionState(session, now),
    `${completed}/${total} done`,
    ...(failed > 0 ? [`${failed} failed`] : []),
    ...(cancelled > 0 ? [`${cancelled} cancelled`] : []),
    formatDuration(elapsedMs),
    formatUsage(usage) ?? [],
    shares.length === 0 ? [] : `budget ${formatBudget(shares)}`,
  ].flat();
  const { symbol, format } = lookOf(session.state);
  const rest = truncate(` ${session.id}  ${parts.join(' · ')}`, width - 1);
  return `${paint(format, session.state === 'running' ? spin(frame) : symbol)}${paint('bold', rest)}`;
}

function agentLine(
  agent: Agent,
  { workflow, activities, asks, now, frame }: LiveView,
  { width, names, roles }: { width: number; names: number; roles: number },
  paint: Paint,
): string {
  const suspended = isSuspended(workflow.session, agent);
  const { symbol, format } = lookOf(suspended ? 'suspended' : agent.state);
  const name = padEnd(truncate(agent.name, names), names);
  const role = roles === 0 ? '' : `  ${padEnd(truncate(agent.role.name, roles), roles)}`;
  const elapsed = padStart(
    agent.startedAt === null ? '' : formatDuration(activeMs(agent, now)),
    elapsedWidth,
  );
  const subagents = agent.subagents === 0 ? '' : `  ${plural(agent.subagents, 'sub-agent')}`;
  const tokens = agent.usage === null ? '' : `  ${formatCount(tokensOf(agent.usage))} tok`;
  const usage = `${subagents}${tokens}`;
  const fixed = 4 + displayWidth(name) + displayWidth(role) + elapsedWidth + 2;
  const left = width - fixed - usage.length;
  const roomy = left >= 12;
  const text = truncate(
    oneLine(suspended ? 'suspended' : textOf(agent, workflow, { activities, asks, now })),
    roomy ? left : width - fixed,
  );
  const line = `${name}${paint('dim', role)}${elapsed}  ${paint(agent.state === 'failed' ? 'red' : 'dim', text)}`;
  const mark = paint(format, agent.state === 'running' && !suspended ? spin(frame) : symbol);
  return `  ${mark} ${line}${roomy ? paint('dim', usage) : ''}`.trimEnd();
}

function textOf(
  agent: Agent,
  { agents }: Workflow,
  { activities, asks, now }: Pick<LiveView, 'activities' | 'asks' | 'now'>,
): string {
  const asked = asks?.get(agent.id);
  if (agent.stage === 'awaiting' && asked !== undefined) return `asks: ${asked}`;
  const until = postponedUntil(agent, now);
  if (until !== null) return `retrying at ${formatUntil(until, now)}`;
  if (agent.stage !== null && agent.stage !== 'executing') {
    const check = agent.stage === 'verifying' ? verifyingText(agent) : null;
    return check === null ? stageText(agent.stage) : `verifying: ${check}`;
  }
  switch (agent.state) {
    case 'pending': {
      const waitsFor = agents.filter(
        ({ id, state }) => agent.dependsOn.includes(id) && state !== 'completed',
      );
      if (waitsFor.length > 0) return `after ${waitsFor.map(({ name }) => name).join(', ')}`;
      return activities.get(agent.id) ?? '';
    }
    case 'completed':
      return agent.result?.trim().split('\n').at(-1) ?? '';
    case 'failed':
    case 'cancelled':
      return agent.failure === null ? '' : `${agent.failure.kind}: ${agent.failure.message}`;
    default:
      return activities.get(agent.id) ?? '';
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

/** The most relevant agents if there are not enough lines for all, in plan order. */
function mostTelling(agents: readonly Agent[], count: number): readonly Agent[] {
  const ranked = agents.toSorted(
    (a, b) => urgency[a.state] - urgency[b.state] || (b.endedAt ?? '').localeCompare(a.endedAt ?? ''),
  );
  const chosen = new Set(ranked.slice(0, count));
  return agents.filter((agent) => chosen.has(agent));
}

function restOf(agents: readonly Agent[], shown: readonly Agent[]): string {
  const hidden = agents.filter((agent) => !shown.includes(agent));
  const counts = Object.entries(progressOf(hidden)).filter(([key, count]) => key !== 'total' && count > 0);
  return `${hidden.length} more: ${counts.map(([state, count]) => `${count} ${state}`).join(', ')}`;
}
