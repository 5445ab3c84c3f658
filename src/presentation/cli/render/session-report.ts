import { activeMs } from '../../../domain/active-time.ts';
import { formatDuration, formatUsage, plural } from '../../../domain/amounts.ts';
import { showName } from '../../../domain/invisible-marks.ts';
import { progressOf } from '../../../domain/orchestration.ts';
import type { Session } from '../../../domain/session.ts';
import { totalUsage } from '../../../domain/usage.ts';
import { landingText } from '../../../domain/work-text.ts';
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
import { lookOf } from './states.ts';
import { displayWidth, truncate } from './text-width.ts';

/** The full report on a session for people: state, agents, results, failures, files and folder. */
export function renderReport(facts: SessionFacts, canvas: Canvas): string[] {
  const { workflow, artifacts, folder, landed = [] } = facts;
  const sections = [
    [
      sessionLine(facts, canvas),
      `  ${truncate(oneLine(workflow.session.objective), canvas.width - 2)}`,
      ...landingLines(workflow.session),
      ...parentLines(workflow.session),
      ...approvalLines(workflow.session),
    ],
    agentTable(facts, canvas),
    section('Unattended', unattendedLines(facts), canvas),
    section('Verifying', verifyingLines(facts, canvas), canvas),
    section('Needs an answer', requestLines(facts, canvas), canvas),
    section('Stalled', stalledLines(facts), canvas),
    section('Trouble', troubleLines(facts), canvas),
    section('Reported', reportedLines(facts, canvas), canvas),
    section('Waiting', waitingLines(facts, canvas), canvas),
    section('Fallback', fallbackLines(facts, canvas), canvas),
    section('Result given, still running', lingeringLines(facts, canvas), canvas),
    section('Budgets', budgetLines(facts), canvas),
    section(
      'Results',
      workflow.agents.flatMap((agent) => resultOf(agent, canvas)),
      canvas,
    ),
    section(
      'Failures',
      workflow.agents.flatMap((agent) => failureOf(agent, canvas)),
      canvas,
    ),
    section('Failed checks', failedCheckLines(facts, canvas), canvas),
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
    [`${canvas.paint('bold', 'Session folder')}  ${folderText(folder, canvas)}`],
  ];
  return sections
    .filter((lines) => lines.length > 0)
    .flatMap((lines, index) => (index === 0 ? lines : ['', ...lines]));
}

function folderText(folder: string, { width }: Canvas): string {
  return width === Number.POSITIVE_INFINITY ? showName(folder) : homePath(folder);
}

/** Suggested commands with what they do. */
export function renderNext(
  commands: readonly (readonly [line: string, says: string])[],
  { paint }: Canvas,
): string[] {
  const width = Math.max(...commands.map(([line]) => displayWidth(line)));
  return [
    paint('bold', 'Next'),
    ...commands.map(([line, says]) => `  ${line.padEnd(width)}  ${paint('dim', says)}`),
  ];
}

function sessionLine({ workflow, liveStatus: { now } }: SessionFacts, { paint }: Canvas): string {
  const { session, agents } = workflow;
  const { completed, total } = progressOf(agents);
  const { symbol, format } = lookOf(session.state);
  const facts = [
    `${completed} of ${plural(total, 'agent')} completed`,
    session.startedAt === null ? null : formatDuration(activeMs(session, now)),
    formatUsage(totalUsage(agents.map(({ usage }) => usage))),
  ].filter((fact) => fact !== null);
  const state = formatSessionState(session, now);
  return `${paint(format, symbol)} ${paint('bold', session.id)} ${paint(format, state)}  ${facts.join(' · ')}`;
}

function landingLines({ landing }: Session): string[] {
  return landing === null ? [] : [`  ${landingText(landing)}`];
}

function parentLines({ parent }: Session): string[] {
  if (parent === null) return [];
  const fate = parent.onEnd === 'keep' ? '; it continues after that agent ends' : '';
  return [`  started by ${parent.agentId} of ${parent.sessionId}${fate}`];
}

function approvalLines({ approvals }: Session): string[] {
  return approvals === 'all' ? ['  every permission that agents ask for is allowed (--yes)'] : [];
}

function section(title: string, lines: readonly string[], { paint }: Canvas): string[] {
  return lines.length === 0 ? [] : [paint('bold', title), ...lines];
}
