import { waitForSession } from '../../../application/control/control.ts';
import type { Project } from '../../../application/project.ts';
import { liveStatusOf, sessionRanMs } from '../../../application/queries/live-status.ts';
import type { RecordedEvent } from '../../../domain/events.ts';
import type { SessionId } from '../../../domain/ids.ts';
import { askedText } from '../../contracts/request-view.ts';
import { namesOf, summaryView } from '../../contracts/views.ts';
import type { CliCommand, CommandContext } from '../command.ts';
import { type OpenSession, SessionFinder } from '../facts/projects.ts';
import { foregroundNotifier } from '../run/foreground-notifier.ts';
import { leftText, viewSession } from '../run/view-session.ts';
import { exitStatus, statusOfSession } from '../shell/exit-status.ts';
import { watchOwner, whileOwned } from '../shell/owner-notice.ts';
import { allOption, sessionArgument } from './session-argument.ts';

export const waitCommand: CliCommand = {
  name: 'wait',
  summary: 'Wait until a session ends or pauses',
  details:
    'On a terminal it shows the session live; Ctrl-C leaves the session alone. Exit status: 0 completed, 1 failed or cancelled, 5 still running at the timeout, 6 an agent is not signed in, 7 paused.',
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
    { line: 'maos wait && maos status', says: 'go on only if the newest session completed' },
    { line: 'maos wait k7q2 --timeout 600', says: 'at most ten minutes' },
  ],
  run,
};

async function run(context: CommandContext): Promise<number> {
  const { args, options, terminal, json, program } = context;
  const session = await new SessionFinder(context).session(args[0] ?? 'latest');
  const seconds = options.number('timeout');
  const signal = seconds === undefined ? new AbortController().signal : AbortSignal.timeout(seconds * 1000);
  const { project, id } = session;
  if (terminal.redraws && !json) return watch(context, session, seconds, signal);
  const stopWatching = watchOwner(session, context);
  const sayRequests = noticeRequests(context, project, id);
  const notify = foregroundNotifier(context, session);
  const { summary, settled } = await whileOwned(session, signal, (whole) =>
    waitForSession(project, id, {
      signal: whole,
      onEvents: (events) => {
        sayRequests(events);
        notify(events);
      },
    }),
  ).finally(stopWatching);
  const ranMs = sessionRanMs(project.store, summary.session, Date.parse(project.clock.now()));
  if (json) terminal.document({ ...summaryView(summary, ranMs), timed_out: !settled });
  else terminal.line(`${id} ${summary.session.state}`);
  if (settled) return statusOfSession(project.store.load(id));
  if (!json) terminal.notice(stillRunning(program, id, seconds));
  return exitStatus.limit;
}

/** On a terminal, the wait shows what it waits for. */
async function watch(
  context: CommandContext,
  session: OpenSession,
  seconds: number | undefined,
  timeout: AbortSignal,
): Promise<number> {
  const { terminal, program } = context;
  const { project, id } = session;
  const settled = await viewSession(context, session, { signal: timeout });
  if (settled) {
    const workflow = project.store.load(id);
    terminal.line(`${id} ${workflow.session.state}`);
    return statusOfSession(workflow);
  }
  if (timeout.aborted) {
    terminal.notice(stillRunning(program, id, seconds));
    return exitStatus.limit;
  }
  terminal.notice(leftText(context, session));
  return exitStatus.interrupted;
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
