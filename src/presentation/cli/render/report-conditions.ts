import { postponedUntil } from '../../../application/queries/live-status.ts';
import { budgetShares } from '../../../domain/budget.ts';
import { fallbackText } from '../../../domain/fallback.ts';
import { milestoneText } from '../../../domain/milestone.ts';
import { isSessionEnded } from '../../../domain/session.ts';
import { totalUsage } from '../../../domain/usage.ts';
import { waitText } from '../../../domain/waiting.ts';
import { oneLine } from '../../contracts/event-lines.ts';
import { askedText } from '../../contracts/request-view.ts';
import { namesOf } from '../../contracts/views.ts';
import type { Canvas } from '../shell/terminal.ts';
import { formatBudget, formatTime, formatUntil } from './format.ts';
import type { SessionFacts } from './report-facts.ts';
import { truncate } from './text-width.ts';

/** Sections of a report about what goes on now. */

export function unattendedLines({ unattended = null }: SessionFacts): string[] {
  if (unattended === null) return [];
  return [
    `  ${unattended.charAt(0).toUpperCase()}${unattended.slice(1)}. The next maos process of the project adopts it.`,
  ];
}

/** What its agents ask. */
export function requestLines({ workflow, liveStatus: { requests, now } }: SessionFacts): string[] {
  const names = namesOf(workflow.agents);
  return requests.flatMap((request) => [
    `  ${request.id}  ${names.get(request.agentId) ?? ''}: ${askedText(request)}`,
    `    expires at ${formatUntil(request.expiresAt, now)}`,
  ]);
}

/** Why it does not continue by itself. */
export function stalledLines({ liveStatus: { stalled } }: SessionFacts): string[] {
  if (stalled === null) return [];
  return [
    `  MAOS could not continue it after several attempts: ${oneLine(stalled)}`,
    '  Its running agents are suspended. Resume the session to try again, or cancel it.',
  ];
}

/** Actions that failed; while the session runs, they are retried. */
export function troubleLines({ workflow, liveStatus: { troubles } }: SessionFacts): string[] {
  const isRetried = !isSessionEnded(workflow.session.state);
  return troubles.map(
    ({ what, reason, since }) =>
      `  ${what}, since ${formatTime(since)}: ${oneLine(reason)}${isRetried ? ' MAOS keeps trying.' : ''}`,
  );
}

/** The latest reports of running agents. */
export function reportedLines(
  { workflow, liveStatus: { reports } }: SessionFacts,
  { width }: Canvas,
): string[] {
  return workflow.agents.flatMap(({ id, name }) => {
    const report = reports.get(id);
    if (report === undefined) return [];
    return [truncate(`  ${name}: ${oneLine(milestoneText(report))} (${formatTime(report.at)})`, width)];
  });
}

/** Agents that are ready but do not run, with the reasons. */
export function waitingLines(
  { workflow, liveStatus: { waiting, now } }: SessionFacts,
  { width }: Canvas,
): string[] {
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
export function fallbackLines({ workflow }: SessionFacts, { width }: Canvas): string[] {
  return workflow.agents.flatMap((agent) => {
    const text = fallbackText(agent);
    return text === null ? [] : [truncate(`  ${agent.name}: ${text}`, width)];
  });
}

/** Agents that have returned a result but have not ended, with their remaining processes. */
export function lingeringLines({ workflow, liveStatus: { now } }: SessionFacts, { width }: Canvas): string[] {
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
export function budgetLines({ workflow, liveStatus }: SessionFacts): string[] {
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
