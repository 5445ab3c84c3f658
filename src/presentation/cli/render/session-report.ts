import type { ShownClaim } from '../../../application/claims/path-claims.ts';
import type { ArtifactRecord } from '../../../application/ports/session-summary.ts';
import { plainText } from '../../../application/queries/agent-output.ts';
import { isSuspended, type LiveStatus, postponedUntil } from '../../../application/queries/live-status.ts';
import { activeMs } from '../../../domain/active-time.ts';
import type { Agent } from '../../../domain/agent.ts';
import { formatCost, formatCount, formatDuration, formatUsage, plural } from '../../../domain/amounts.ts';
import { budgetShares, tokensOf } from '../../../domain/budget.ts';
import { fallbackText } from '../../../domain/fallback.ts';
import { showName } from '../../../domain/invisible-marks.ts';
import type { MessageState } from '../../../domain/message.ts';
import { milestoneText } from '../../../domain/milestone.ts';
import { progressOf } from '../../../domain/orchestration.ts';
import type { Session } from '../../../domain/session.ts';
import { totalUsage } from '../../../domain/usage.ts';
import { waitText } from '../../../domain/waiting.ts';
import type { Workflow } from '../../../domain/workflow.ts';
import { oneLine } from '../../contracts/event-lines.ts';
import { askedText } from '../../contracts/request-view.ts';
import { namesOf } from '../../contracts/views.ts';
import type { Canvas } from '../shell/terminal.ts';
import { formatBudget, formatBytes, formatSessionState, formatTime, formatUntil } from './format.ts';
import { lookOf } from './states.ts';
import { renderTable } from './table.ts';
import { displayWidth, truncate } from './text-width.ts';

export interface SessionFacts {
  readonly workflow: Workflow;
  readonly artifacts: readonly ArtifactRecord[];
  /** Number of messages in each state. */
  readonly messages?: Readonly<Partial<Record<MessageState, number>>>;
  /** How many of the queued ones are for people. */
  readonly messagesForUser?: number;
  readonly liveStatus: LiveStatus;
  /** Files that were not recorded as artifacts, with the reasons. */
  readonly skipped?: readonly string[];
  /** Paths that the session's agents have claimed. */
  readonly claims?: readonly ShownClaim[];
  /** Why the session has no owner although it should run; absent if the report did not check. */
  readonly unattended?: string | null;
  readonly folder: string;
}

const resultLines = 3;
const stderrLines = 10;
const maxFiles = 20;
const maxDenials = 5;
const maxClaims = 20;

/** The full report on a session for people: state, agents, results, failures, files and folder. */
export function renderReport(facts: SessionFacts, canvas: Canvas): string[] {
  const { workflow, artifacts, folder } = facts;
  const sections = [
    [
      sessionLine(facts, canvas),
      `  ${truncate(oneLine(workflow.session.objective), canvas.width - 2)}`,
      ...parentLines(workflow.session),
      ...approvalLines(workflow.session),
    ],
    agentTable(facts, canvas),
    section('Unattended', unattendedLines(facts), canvas),
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
    section(
      'Not permitted',
      workflow.agents.flatMap((agent) => denialsOf(agent, canvas)),
      canvas,
    ),
    section('Path claims', claimLines(facts, canvas), canvas),
    section('Messages', messageLines(facts, canvas), canvas),
    section('Sub-agents', subagentLines(facts, canvas), canvas),
    section('Files', [...fileLines(artifacts, workflow, canvas), ...skippedLines(facts, canvas)], canvas),
    [`${canvas.paint('bold', 'Session folder')}  ${showName(folder)}`],
  ];
  return sections
    .filter((lines) => lines.length > 0)
    .flatMap((lines, index) => (index === 0 ? lines : ['', ...lines]));
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

function messageLines(
  { messages = {}, messagesForUser = 0, workflow }: SessionFacts,
  { paint }: Canvas,
): string[] {
  const counts = Object.entries(messages).map(([state, count]) => {
    const forUser = state === 'queued' && messagesForUser > 0 ? ` (${messagesForUser} for you)` : '';
    return `${count} ${state}${forUser}`;
  });
  if (counts.length === 0) return [];
  return [`  ${counts.join(', ')}  ${paint('dim', `maos message list ${workflow.session.id}`)}`];
}

function parentLines({ parent }: Session): string[] {
  if (parent === null) return [];
  const fate = parent.onEnd === 'keep' ? '; it continues after that agent ends' : '';
  return [`  started by ${parent.agentId} of ${parent.sessionId}${fate}`];
}

function approvalLines({ approvals }: Session): string[] {
  return approvals === 'all' ? ['  every permission that agents ask for is allowed (--yes)'] : [];
}

function agentTable({ workflow, liveStatus: { now } }: SessionFacts, canvas: Canvas): string[] {
  const names = new Map(workflow.agents.map(({ id, name }) => [id, name]));
  const rows = workflow.agents.map((agent) => {
    const state = isSuspended(workflow.session, agent) ? 'suspended' : agent.state;
    const { symbol, format } = lookOf(state);
    const stage = state === 'running' && agent.stage !== 'executing' ? agent.stage : null;
    const time = agent.startedAt === null ? '' : formatDuration(activeMs(agent, now));
    const after = agent.dependsOn.map((id) => names.get(id) ?? id).join(', ');
    return [
      { text: symbol, format },
      agent.name,
      agent.role.name,
      agent.backend,
      { text: stage ?? state, format },
      agent.attempt > 1 ? String(agent.attempt) : '',
      time,
      agent.usage === null ? '' : formatCount(tokensOf(agent.usage)),
      agent.usage?.costUsd == null ? '' : formatCost(agent.usage.costUsd),
      agent.id.slice(-6),
      { text: after, format: 'dim' as const },
    ];
  });
  const right = 'right' as const;
  const columns = [
    { title: '' },
    { title: 'AGENT' },
    { title: 'ROLE' },
    { title: 'BACKEND' },
    { title: 'STATE' },
    { title: 'ATTEMPT', align: right },
    { title: 'TIME', align: right },
    { title: 'TOKENS', align: right },
    { title: 'COST', align: right },
    { title: 'ID' },
    { title: 'AFTER' },
  ];
  return renderTable(columns, rows, canvas);
}

function section(title: string, lines: readonly string[], { paint }: Canvas): string[] {
  return lines.length === 0 ? [] : [paint('bold', title), ...lines];
}

function unattendedLines({ unattended = null }: SessionFacts): string[] {
  if (unattended === null) return [];
  return [
    `  ${unattended.charAt(0).toUpperCase()}${unattended.slice(1)}. The next maos process of the project adopts it.`,
  ];
}

/** What its agents ask. */
function requestLines(
  { workflow, liveStatus: { requests, now } }: SessionFacts,
  { width }: Canvas,
): string[] {
  const names = namesOf(workflow.agents);
  return requests.flatMap((request) => [
    truncate(`  ${request.id}  ${names.get(request.agentId) ?? ''}: ${askedText(request)}`, width),
    `    expires at ${formatUntil(request.expiresAt, now)}`,
  ]);
}

/** Why it does not continue by itself. */
function stalledLines({ liveStatus: { stalled } }: SessionFacts): string[] {
  if (stalled === null) return [];
  return [
    `  MAOS could not continue it after several attempts: ${oneLine(stalled)}`,
    '  Its running agents are suspended. Resume the session to try again, or cancel it.',
  ];
}

/** Actions that fail and are retried. */
function troubleLines({ liveStatus: { troubles } }: SessionFacts): string[] {
  return troubles.map(
    ({ what, reason, since }) =>
      `  ${what}, since ${formatTime(since)}: ${oneLine(reason)} MAOS keeps trying.`,
  );
}

/** The latest reports of running agents. */
function reportedLines({ workflow, liveStatus: { reports } }: SessionFacts, { width }: Canvas): string[] {
  return workflow.agents.flatMap(({ id, name }) => {
    const report = reports.get(id);
    if (report === undefined) return [];
    return [truncate(`  ${name}: ${oneLine(milestoneText(report))} (${formatTime(report.at)})`, width)];
  });
}

/** Agents that are ready but do not run, with the reasons. */
function waitingLines({ workflow, liveStatus: { waiting, now } }: SessionFacts, { width }: Canvas): string[] {
  return workflow.agents.flatMap((agent) => {
    const until = postponedUntil(agent, now);
    const why = waiting.get(agent.id);
    const text = [
      ...(until === null ? [] : [`rate limited, retrying at ${formatUntil(until, now)}`]),
      ...(why === undefined ? [] : [waitText(why)]),
    ][0];
    if (text === undefined) return [];
    return [truncate(`  ${agent.name}: ${oneLine(text)}`, width)];
  });
}

/** Agents that run on another backend than their first, with the reasons. */
function fallbackLines({ workflow }: SessionFacts, { width }: Canvas): string[] {
  return workflow.agents.flatMap((agent) => {
    const text = fallbackText(agent);
    return text === null ? [] : [truncate(`  ${agent.name}: ${text}`, width)];
  });
}

/** Agents that have returned a result but have not ended, with their remaining processes. */
function lingeringLines({ workflow, liveStatus: { now } }: SessionFacts, { width }: Canvas): string[] {
  return workflow.agents.flatMap(({ name, lingering }) => {
    if (lingering === null) return [];
    const { background, until } = lingering;
    const what = background.length === 0 ? '' : `${background.join(', ')}; `;
    const end =
      until === null ? 'until its time limit' : `remaining processes are ended at ${formatUntil(until, now)}`;
    return [truncate(`  ${name}: ${oneLine(`${what}${end}`)}`, width)];
  });
}

/** How much of each limit is used, the session's first. */
function budgetLines({ workflow, liveStatus }: SessionFacts): string[] {
  const { session, agents } = workflow;
  const total = totalUsage(agents.map(({ usage }) => usage));
  const ofSession = budgetShares(session.budget, total, liveStatus.sessionRanMs);
  return [
    ...(ofSession.length === 0 ? [] : [`  session: ${formatBudget(ofSession)}`]),
    ...agents.flatMap((agent) => {
      const shares = budgetShares(agent.budget, agent.usage, liveStatus.agentRanMs(agent));
      return shares.length === 0 ? [] : [`  ${agent.name}: ${formatBudget(shares)}`];
    }),
  ];
}

function resultOf(agent: Agent, { paint, width }: Canvas): string[] {
  if (agent.state !== 'completed' || agent.result === null) return [];
  const lines = textLines(agent.result);
  if (lines.length === 0) return [];
  // An agent's text begins with the important part; a program's output ends with it.
  const fromEnd = agent.command !== null;
  const shown = fromEnd ? lines.slice(-resultLines) : lines.slice(0, resultLines);
  const left = lines.length - shown.length;
  const cut =
    left === 0 ? [] : [paint('dim', `    … ${plural(left, 'line')}${fromEnd ? ' before' : ' more'}`)];
  const texts = shown.map((line) => `    ${truncate(line, width - 4)}`);
  return [`  ${agent.name}`, ...(fromEnd ? [...cut, ...texts] : [...texts, ...cut])];
}

function failureOf({ failure, name, state }: Agent, { paint, width }: Canvas): string[] {
  if (failure === null) return [];
  const { format } = lookOf(state);
  const tail = textLines(failure.stderrTail).slice(-stderrLines);
  return [
    `  ${name}: ${paint(format, failure.kind)}: ${oneLine(failure.message)}`,
    ...tail.map((line) => paint('dim', `    | ${truncate(line, width - 6)}`)),
  ];
}

/** Agents whose CLI has started sub-agents. */
function subagentLines({ workflow }: SessionFacts, { width }: Canvas): string[] {
  return workflow.agents.flatMap(({ name, subagents }) =>
    subagents === 0 ? [] : [truncate(`  ${name}: ${subagents} started`, width)],
  );
}

/** What an agent's CLI was not permitted to do. */
function denialsOf({ name, denials }: Agent, { paint, width }: Canvas): string[] {
  if (denials === null) return [];
  const shown = denials.shown.slice(0, maxDenials);
  const more = denials.count - shown.length;
  return [
    `  ${name}`,
    ...shown.map((denial) => truncate(`    ${oneLine(denial)}`, width)),
    ...(more > 0 ? [paint('dim', `    … ${more} more`)] : []),
  ];
}

/** Paths that agents have claimed. */
function claimLines({ claims = [], liveStatus: { now } }: SessionFacts, { paint, width }: Canvas): string[] {
  const lines = claims.slice(0, maxClaims).map(({ path, agent, reason, expiresAt }) => {
    const why = reason === '' ? '' : `: ${oneLine(reason)}`;
    return truncate(`  ${agent}: ${showName(path)}, until ${formatUntil(expiresAt, now)}${why}`, width);
  });
  const more = claims.length - lines.length;
  return more > 0 ? [...lines, paint('dim', `  … ${more} more`)] : lines;
}

function textLines(text: string): string[] {
  return plainText(text)
    .replaceAll('\t', '    ')
    .split('\n')
    .map((line) => line.trimEnd())
    .filter((line) => line !== '');
}

function skippedLines({ skipped = [] }: SessionFacts, { width }: Canvas): string[] {
  return skipped.map((reason) => truncate(`  not recorded: ${oneLine(reason)}`, width));
}

function fileLines(artifacts: readonly ArtifactRecord[], { agents }: Workflow, canvas: Canvas): string[] {
  if (artifacts.length === 0) return [];
  const names = new Map<string, string>(agents.map(({ id, name }) => [id, name]));
  const rows = artifacts.slice(0, maxFiles).map(({ path, sizeBytes, by, candidates }) => {
    const author = by === null ? candidates.join(' or ') : (names.get(by) ?? by);
    return [showName(path), formatBytes(sizeBytes), author];
  });
  const columns = [{ title: 'FILE' }, { title: 'SIZE', align: 'right' as const }, { title: 'BY' }];
  const more = artifacts.length > maxFiles ? [`… ${artifacts.length - maxFiles} more`] : [];
  const inner = { ...canvas, width: canvas.width - 2 };
  return [...renderTable(columns, rows, inner), ...more].map((line) => `  ${line}`);
}
