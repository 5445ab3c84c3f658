import { activeMs } from '../../../domain/active-time.ts';
import type { Agent } from '../../../domain/agent.ts';
import { formatDuration, formatUsage, plural } from '../../../domain/amounts.ts';
import { showName } from '../../../domain/invisible-marks.ts';
import { progressOf } from '../../../domain/orchestration.ts';
import type { Session } from '../../../domain/session.ts';
import { totalUsage } from '../../../domain/usage.ts';
import { landingText, ownLandingText } from '../../../domain/work-text.ts';
import { oneLine } from '../../contracts/event-lines.ts';
import type { Canvas } from '../shell/terminal.ts';
import { formatSessionState } from './format.ts';
import { homePath } from './home-path.ts';
import { agentTable } from './report-agents.ts';
import {
  budgetLines,
  fallbackLines,
  lingeringLines,
  reportedLines,
  requestLines,
  stalledLines,
  troubleLines,
  unattendedLines,
  waitingLines,
} from './report-conditions.ts';
import type { SessionFacts } from './report-facts.ts';
import { claimLines, fileLines, messageLines, skippedLines } from './report-files.ts';
import { landedTable } from './report-landing.ts';
import { denialsOf, failureOf, resultOf, subagentLines } from './report-outcomes.ts';
import { failedCheckLines, verifyingLines, workTable } from './report-work.ts';
import { lookOf, shortIdLength } from './states.ts';
import { displayWidth, truncate } from './text-width.ts';
import { besideHead } from './wrap-text.ts';

/** In columns: the explanations of commands are not narrower. */
const leastExplanation = 24;

/** The full report on a session for people: state, agents, results, failures, files and folder. */
export function renderReport(facts: SessionFacts, canvas: Canvas): string[] {
  const { workflow } = facts;
  return joinSections([
    [sessionLine(facts, canvas), ...aboutLines(facts, canvas)],
    agentTable(facts, canvas),
    ...conditionSections(facts, canvas),
    section(
      'Results',
      workflow.agents.flatMap((agent) => resultOf(agent, canvas)),
      canvas,
    ),
    ...failureSections(facts, canvas),
    ...workSections(facts, canvas),
    [folderLine(facts, canvas)],
  ]);
}

/** Its objective, and what is special about it. */
export function aboutLines(facts: SessionFacts, { width }: Canvas): string[] {
  const { session } = facts.workflow;
  return [
    `  ${truncate(oneLine(session.objective), width - 2)}`,
    ...landingLines(facts),
    ...parentLines(session),
    ...approvalLines(session),
  ];
}

/** What goes on now, and what keeps it from going on. */
export function conditionSections(facts: SessionFacts, canvas: Canvas): readonly string[][] {
  return [
    section('Unattended', unattendedLines(facts), canvas),
    section('Verifying', verifyingLines(facts, canvas), canvas),
    section('Needs an answer', requestLines(facts), canvas),
    section('Stalled', stalledLines(facts), canvas),
    section('Trouble', troubleLines(facts), canvas),
    section('Reported', reportedLines(facts, canvas), canvas),
    section('Waiting', waitingLines(facts, canvas), canvas),
    section('Fallback', fallbackLines(facts, canvas), canvas),
    section('Result given, still running', lingeringLines(facts, canvas), canvas),
    section('Budgets', budgetLines(facts), canvas),
  ];
}

/** @param agents default: all of the session's */
export function failureSections(
  facts: SessionFacts,
  canvas: Canvas,
  agents: readonly Agent[] = facts.workflow.agents,
): readonly string[][] {
  return [
    section(
      'Failures',
      agents.flatMap((agent) => failureOf(agent, canvas)),
      canvas,
    ),
    section('Failed checks', failedCheckLines(facts, canvas), canvas),
  ];
}

/** What the agents made, and what they exchanged. */
export function workSections(facts: SessionFacts, canvas: Canvas): readonly string[][] {
  const { workflow, artifacts, landed = [] } = facts;
  return [
    section('Landing', landedTable(landed, canvas), canvas),
    section('Work', workTable(facts, canvas), canvas),
    section(
      'Not permitted',
      workflow.agents.flatMap((agent) => denialsOf(agent, canvas)),
      canvas,
    ),
    section('Path claims', claimLines(facts, canvas), canvas),
    section('Messages', messageLines(facts, canvas), canvas),
    section('Sub-agents', subagentLines(facts, canvas), canvas),
    section('Files', [...fileLines(artifacts, workflow, canvas), ...skippedLines(facts, canvas)], canvas),
  ];
}

/** The sections that have lines, with blank lines between them. */
export function joinSections(sections: readonly (readonly string[])[]): string[] {
  return sections
    .filter((lines) => lines.length > 0)
    .flatMap((lines, index) => (index === 0 ? lines : ['', ...lines]));
}

/** The session's folder; in a pipe its whole path, for programs. */
export function folderLine({ folder }: SessionFacts, { paint, width }: Canvas): string {
  const path = width === Number.POSITIVE_INFINITY ? showName(folder) : homePath(folder);
  return `${paint('bold', 'Session folder')}  ${path}`;
}

/** Suggested commands with what they do: beside them, or below where little room is left. */
export function renderNext(
  commands: readonly (readonly [line: string, says: string])[],
  { paint, width: whole }: Canvas,
): string[] {
  const width = Math.max(...commands.map(([line]) => displayWidth(line)));
  const isBeside = whole - width - 4 >= leastExplanation;
  return [
    paint('bold', 'Next'),
    ...commands.flatMap(([line, says]) =>
      isBeside
        ? besideHead(`  ${line.padEnd(width)}  `, paint('dim', says), whole).split('\n')
        : [`  ${line}`, `      ${paint('dim', says)}`],
    ),
  ];
}

/** Its id, state and counts; the end of the id where the whole would not fit. */
export function sessionLine(
  { workflow, liveStatus: { now } }: SessionFacts,
  { paint, width }: Canvas,
): string {
  const { session, agents } = workflow;
  const { completed, failed, cancelled, total } = progressOf(agents);
  const counts = [
    `${completed} of ${plural(total, 'agent')} completed`,
    ...(failed > 0 ? [`${failed} failed`] : []),
    ...(cancelled > 0 ? [`${cancelled} cancelled`] : []),
  ];
  const { symbol, format } = lookOf(session.state);
  const facts = [
    counts.join(', '),
    session.startedAt === null ? null : formatDuration(activeMs(session, now)),
    formatUsage(totalUsage(agents.map(({ usage }) => usage))),
  ].filter((fact) => fact !== null);
  const state = formatSessionState(session, now);
  const rest = `  ${facts.join(' · ')}`;
  const fits = displayWidth(`${symbol} ${session.id} ${state}${rest}`) <= width;
  const id = fits ? session.id : session.id.slice(-shortIdLength);
  return `${paint(format, symbol)} ${paint('bold', id)} ${paint(format, state)}${rest}`;
}

function landingLines({ workflow: { session }, landedBy = null }: SessionFacts): string[] {
  const own = ownLandingText(session, landedBy);
  return [
    ...(session.landing === null ? [] : [`  ${landingText(session.landing)}`]),
    ...(own === null ? [] : [`  ${own}`]),
  ];
}

function parentLines({ parent }: Session): string[] {
  if (parent === null) return [];
  const fate = parent.onEnd === 'keep' ? '; it continues after that agent ends' : '';
  return [`  started by ${parent.agentId} of ${parent.sessionId}${fate}`];
}

function approvalLines({ approvals }: Session): string[] {
  return approvals === 'all' ? ['  every permission that agents ask for is allowed (--yes)'] : [];
}

export function section(title: string, lines: readonly string[], { paint }: Canvas): string[] {
  return lines.length === 0 ? [] : [paint('bold', title), ...lines];
}
