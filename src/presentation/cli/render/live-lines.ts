import { isSuspended, postponedUntil } from '../../../application/queries/live-status.ts';
import { activeMs } from '../../../domain/active-time.ts';
import type { Agent } from '../../../domain/agent.ts';
import { stageText } from '../../../domain/agent-stage.ts';
import { formatCost, formatCount, formatDuration, plural } from '../../../domain/amounts.ts';
import { tokensOf } from '../../../domain/budget.ts';
import { verifyingText } from '../../../domain/work-text.ts';
import type { Workflow } from '../../../domain/workflow.ts';
import { oneLine } from '../../contracts/event-lines.ts';
import type { Paint } from '../shell/terminal.ts';
import { formatUntil } from './format.ts';
import { lookOf, spin } from './states.ts';
import { textLines } from './text-lines.ts';
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

const maxName = 24;
const maxRole = 20;
const maxTask = 40;
const elapsedWidth = 7;
/** Further columns must leave this much room for what the agent does. */
const enoughText = 24;
const gap = '  ';

/** Widths of the columns; 0 for one that is left out. */
interface Widths {
  readonly gutter: number;
  readonly name: number;
  readonly state: number;
  readonly role: number;
  readonly task: number;
  readonly usage: number;
  readonly text: number;
}

/** A line for each agent, with as many columns as fit. The gutter brackets the agents of each phase. */
export function agentLines(
  agents: readonly Agent[],
  view: LiveView,
  width: number,
  paint: Paint,
): readonly string[] {
  const widths = widthsFor(agents, view, width);
  return agents.map((agent, index) => {
    const suspended = isSuspended(view.workflow.session, agent);
    const { symbol, format } = lookOf(suspended ? 'suspended' : agent.state);
    const mark = paint(format, agent.state === 'running' && !suspended ? spin(view.frame) : symbol);
    const elapsed = agent.startedAt === null ? '' : formatDuration(activeMs(agent, view.now));
    const doing = suspended && widths.state === 0 ? 'suspended' : doingOf(agent, view, widths.task === 0);
    const text = truncate(doing, widths.text);
    const cells = [
      cell(agent.name, widths.name),
      ...(widths.state === 0 ? [] : [paint(format, cell(stateOf(agent, suspended), widths.state))]),
      ...(widths.role === 0 ? [] : [paint('dim', cell(agent.role.name, widths.role))]),
      ...(widths.task === 0 ? [] : [cell(oneLine(agent.task), widths.task)]),
      padStart(elapsed, elapsedWidth),
      ...(widths.usage === 0 ? [] : [paint('dim', padStart(usageOf(agent), widths.usage))]),
      paint(agent.state === 'failed' ? 'red' : 'dim', text),
    ];
    const gutter = widths.gutter === 0 ? ' ' : paint('dim', bracket(agents, index));
    return `${gutter} ${mark} ${cells.join(gap)}`.trimEnd();
  });
}

function widthsFor(agents: readonly Agent[], view: LiveView, width: number): Widths {
  const longest = (texts: readonly string[], limit: number): number =>
    Math.min(limit, Math.max(0, ...texts.map(displayWidth)));
  const name = Math.min(longest(namesOf(agents), maxName), Math.floor(width / 3));
  let text = width - 4 - name - gap.length - elapsedWidth - gap.length;
  const ifFits = (column: number): number => {
    if (column === 0 || text - column - gap.length < enoughText) return 0;
    text -= column + gap.length;
    return column;
  };
  const states = agents.map((agent) => stateOf(agent, isSuspended(view.workflow.session, agent)));
  const state = ifFits(longest(states, width));
  const usage = ifFits(longest(agents.map(usageOf), width));
  const role = ifFits(
    longest(
      agents.map(({ role: { name: role } }) => role),
      maxRole,
    ),
  );
  // Where tasks have a column, what the agents do keeps as much room.
  const task =
    text < 2 * maxTask
      ? 0
      : ifFits(
          longest(
            agents.map(({ task: one }) => oneLine(one)),
            maxTask,
          ),
        );
  const gutter = new Set(view.workflow.agents.map(({ phase }) => phase)).size > 1 ? 1 : 0;
  return { gutter, name, state, role, task, usage, text: Math.max(0, text) };
}

function namesOf(agents: readonly Agent[]): readonly string[] {
  return agents.map(({ name }) => name);
}

function cell(text: string, width: number): string {
  return padEnd(truncate(text, width), width);
}

/** `┌│└` around the shown agents of one phase, `─` for a single one. */
function bracket(agents: readonly Agent[], index: number): string {
  const isSame = (other: number): boolean => agents[other]?.phase === agents[index]?.phase;
  if (isSame(index - 1)) return isSame(index + 1) ? '│' : '└';
  return isSame(index + 1) ? '┌' : '─';
}

/** The state, or the stage if its program does not just run. */
function stateOf({ state, stage }: Agent, suspended: boolean): string {
  if (suspended) return 'suspended';
  return stage === null || stage === 'executing' ? state : stage;
}

function usageOf({ subagents, usage }: Agent): string {
  return [
    subagents === 0 ? [] : plural(subagents, 'sub-agent'),
    usage === null ? [] : `${formatCount(tokensOf(usage))} tok`,
    usage?.costUsd == null ? [] : formatCost(usage.costUsd),
  ]
    .flat()
    .join(' ');
}

/** What it does or waits for, or what became of it; else its task, if that is not shown already. */
function doingOf(agent: Agent, view: LiveView, orTask: boolean): string {
  return oneLine(activityOf(agent, view) || (orTask ? agent.task : ''));
}

function activityOf(agent: Agent, { workflow: { agents }, activities, asks, now }: LiveView): string {
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
      if (waitsFor.length > 0) return `after ${namesOf(waitsFor).join(', ')}`;
      return activities.get(agent.id) ?? '';
    }
    case 'completed':
      return tellingLine(agent);
    case 'failed':
    case 'cancelled':
      return agent.failure === null ? '' : `${agent.failure.kind}: ${agent.failure.message}`;
    default:
      return activities.get(agent.id) ?? '';
  }
}

/** An agent's text begins with the important part; a program's output ends with it. */
function tellingLine({ result, command }: Agent): string {
  const lines = textLines(result ?? '');
  return lines.at(command === null ? 0 : -1) ?? '';
}
