import { waitForSession } from '../../../application/control/control.ts';
import { landedBy, landingReport } from '../../../application/landing/landing-report.ts';
import type { Project } from '../../../application/project.ts';
import { liveStatusOf, sessionRanMs } from '../../../application/queries/live-status.ts';
import { landingTroubles } from '../../../application/queries/troubles.ts';
import type { RecordedEvent } from '../../../domain/events.ts';
import type { SessionId } from '../../../domain/ids.ts';
import { isSessionEnded } from '../../../domain/session.ts';
import { landedByView } from '../../contracts/landing-view.ts';
import { askedText } from '../../contracts/request-view.ts';
import { namesOf, summaryView } from '../../contracts/views.ts';
import type { CliCommand, CommandContext } from '../command.ts';
import { type OpenSession, SessionFinder } from '../facts/projects.ts';
import { commandsOf } from '../render/report-landing.ts';
import { foregroundNotifier } from '../run/foreground-notifier.ts';
import { landingOf, leftText, viewSession } from '../run/view-session.ts';
import { exitStatus, statusOfSession } from '../shell/exit-status.ts';
import { watchOwner, whileOwned } from '../shell/owner-notice.ts';
import { allOption, sessionArgument } from './session-argument.ts';

export const waitCommand: CliCommand = {
  name: 'wait',
  summary: 'Wait until a session ends or pauses',
  details: [
    'On a terminal it shows the session live; Ctrl-C ends the wait, and the session continues.',
    'If the plan says "land": "auto" (maos run --land), it also waits for the session that lands the work, and its exit status tells how the landing ended.',
    'Exit status: 0 completed, 1 failed or cancelled, 4 the work could not be landed automatically or waits to be taken, 5 still running at the timeout, 6 an agent is not signed in, 7 paused.',
  ].join('\n'),
  arguments: [sessionArgument],
  options: [
    {
      flags: '--timeout <seconds>',
      description: 'timeout (default: none)',
      kind: 'number',
      range: [0, 2_000_000],
    },
    allOption,
  ],
  examples: [
    { line: 'maos wait && maos status', says: 'continue only if the newest session completed' },
    { line: 'maos wait k7q2 --timeout 600', says: 'at most ten minutes' },
  ],
  run,
};

async function run(context: CommandContext): Promise<number> {
  const { args, options, terminal, json } = context;
  const session = await new SessionFinder(context).session(args[0] ?? 'latest');
  const seconds = options.number('timeout');
  const timeout = seconds === undefined ? new AbortController().signal : AbortSignal.timeout(seconds * 1000);
  const isLive = terminal.redraws && !json;
  const signal = isLive ? AbortSignal.any([timeout, context.watchInterrupts()]) : timeout;
  const wait = (one: OpenSession) =>
    isLive ? viewSession(context, one, { signal }) : waitQuietly(context, one, signal);
  let waited = session;
  let isSettled = await wait(session);
  if (isSettled) {
    const landing = await landingOf(context, session, signal);
    if (landing !== null) {
      if (!json) sayState(context, session);
      waited = landing;
      isSettled = await wait(landing);
    } else if (signal.aborted) isSettled = false;
  }
  if (json) sayDocument(context, session, !isSettled);
  else if (isSettled || !isLive) sayState(context, waited);
  if (isSettled) return statusOf(context, waited);
  if (timeout.aborted) {
    if (!json) terminal.notice(stillRunning(context.program, waited.id, seconds));
    return exitStatus.limit;
  }
  terminal.notice(leftText(context, waited));
  return exitStatus.interrupted;
}

/** @returns whether it ended or paused */
async function waitQuietly(
  context: CommandContext,
  session: OpenSession,
  signal: AbortSignal,
): Promise<boolean> {
  const { project, id } = session;
  const stopWatching = watchOwner(session, context);
  const sayRequests = noticeRequests(context, project, id);
  const notify = foregroundNotifier(context, session);
  const { settled } = await whileOwned(session, signal, (whole) =>
    waitForSession(project, id, {
      signal: whole,
      onEvents: (events) => {
        sayRequests(events);
        notify(events);
      },
    }),
  ).finally(stopWatching);
  return settled;
}

function sayState({ terminal }: CommandContext, { project, id }: OpenSession): void {
  terminal.line(`${id} ${project.store.summary(id).session.state}`);
}

function sayDocument({ terminal }: CommandContext, { project, id }: OpenSession, timedOut: boolean): void {
  const { store, clock } = project;
  const summary = store.summary(id);
  const ranMs = sessionRanMs(store, summary.session, Date.parse(clock.now()));
  const by = landedByView(landedBy(store, id));
  terminal.document({ ...summaryView(summary, ranMs), ...by, timed_out: timedOut });
}

/** Also says why work has not landed. */
function statusOf({ terminal, program, json }: CommandContext, { project, id }: OpenSession): number {
  const { store } = project;
  const workflow = store.load(id);
  const landed = landingReport(store, id);
  const [trouble] = isSessionEnded(workflow.session.state) ? landingTroubles(store, workflow.session) : [];
  const status = statusOfSession(workflow, landed, trouble !== undefined);
  if (json || status === exitStatus.done) return status;
  if (trouble !== undefined) terminal.notice(`The work of ${id} does not land: ${trouble.reason}`);
  const { landing } = workflow.session;
  if (landing === null) return status;
  for (const line of commandsOf(landed)) terminal.notice(`Work waits. Take it with: ${line}`);
  if (workflow.session.state !== 'completed') {
    terminal.notice(`Not all work of ${landing.sessionId} landed. See why with: ${program} status ${id}`);
  }
  return status;
}

function stillRunning(program: string, id: SessionId, seconds: number | undefined): string {
  return `Still running after ${seconds} s. See it with: ${program} status ${id}`;
}

/**
 * Reports agents' requests on stderr, including those from before the wait: the session cannot end without the answers.
 */
function noticeRequests(
  { terminal, json, program }: CommandContext,
  { store, clock }: Project,
  id: SessionId,
) {
  const said = new Set<string>();
  const say = (): void => {
    const workflow = store.load(id);
    const names = namesOf(workflow.agents);
    for (const request of liveStatusOf(store, workflow, Date.parse(clock.now())).requests) {
      if (said.has(request.id)) continue;
      said.add(request.id);
      const how = request.kind === 'permission' ? 'approve (or deny)' : 'answer';
      terminal.notice(
        `${names.get(request.agentId)} asks: ${askedText(request)}. Answer with: ${program} ${how} ${request.id}`,
      );
    }
  };
  if (!json) say();
  return (events: readonly RecordedEvent[]): void => {
    if (!json && events.some(({ type }) => type === 'request.opened')) say();
  };
}
