import { waitForSession } from '../../../application/control/control.ts';
import type { RecordedEvent } from '../../../domain/events.ts';
import { beginAgainText } from '../../contracts/beginning-again.ts';
import type { CommandContext } from '../command.ts';
import type { OpenSession } from '../facts/projects.ts';
import { exitStatus } from '../shell/exit-status.ts';
import { watchOwner, whileOwned } from '../shell/owner-notice.ts';
import { type ReportExtras, reportEnd } from './end-report.ts';
import { foregroundNotifier } from './foreground-notifier.ts';
import { makeProgress } from './progress.ts';

/** Additions of a caller of {@link followSession}. */
interface FollowExtras extends ReportExtras {
  /** Events up to this `seq` are not shown (default: 0). */
  readonly after?: number;
}

/**
 * Shows a session that this process runs until it ends or pauses, then reports on it; then the session that lands its
 * work, if its plan says so. On an interruption, detaches it to a background process and returns.
 * @returns the exit status
 */
export async function followSession(
  context: CommandContext,
  session: OpenSession,
  extras: FollowExtras = {},
): Promise<number> {
  const status = await followOne(context, session, extras);
  const { project, supervisor, id } = session;
  const [landing] = project.store.landingsOf(id);
  if (landing === undefined || !supervisor.owned.includes(landing)) return status;
  if (status === exitStatus.interrupted) return status;
  if (!context.json) context.terminal.line();
  return followOne(context, { project, supervisor, id: landing });
}

async function followOne(
  context: CommandContext,
  session: OpenSession,
  extras: FollowExtras = {},
): Promise<number> {
  const { project, id } = session;
  const { terminal, json } = context;
  const interrupted = context.watchInterrupts();
  const progress = makeProgress(terminal, json);
  const notify = foregroundNotifier(context, session);
  const leaving = new Promise<void>((resolve) => {
    if (interrupted.aborted) resolve();
    interrupted.addEventListener('abort', () => resolve());
  });
  const onLost = (): void =>
    terminal.notice(
      `The output is no longer read; ${id} continues in this process. Ctrl-C moves it to the background.`,
    );
  if (terminal.outputLost.aborted) onLost();
  else terminal.outputLost.addEventListener('abort', onLost);
  // Notices about other sessions of the project do not belong in this output.
  const quiet = { notice: (text: string) => project.log.log('info', text) };
  const stopWatching = watchOwner(session, { runtime: context.runtime, terminal: quiet });
  let settled = false;
  try {
    const onEvents = (events: readonly RecordedEvent[]): Promise<void> => {
      progress.show(events, project.store.load(id));
      notify(events);
      return Promise.race([terminal.drained(), leaving]);
    };
    const after = extras.after ?? 0;
    await whileOwned(session, interrupted, (signal) =>
      waitForSession(project, id, { signal, after, onEvents }),
    );
    if (!interrupted.aborted) await Promise.race([untilReleased(context, session), leaving]);
    settled = !interrupted.aborted;
  } finally {
    stopWatching();
    progress.stop(settled ? 'clear' : 'keep');
  }
  if (!settled) return leave(context, session);
  return reportEnd(context, session, extras);
}

/**
 * Releases a session that ended or paused, after finishing its files. Suspended agents of a paused session need no
 * process of MAOS until it is resumed.
 */
export async function untilReleased(
  { detach }: CommandContext,
  { project, supervisor, id }: OpenSession,
): Promise<void> {
  if (project.store.summary(id).session.state !== 'paused') return supervisor.released(id);
  const ids = await supervisor.releaseAll();
  // Their processes are children of this process, which must not wait for them: it has to exit itself.
  if (ids.length > 0) await detach();
}

async function leave({ terminal, detach, program }: CommandContext, session: OpenSession): Promise<number> {
  // First: a second Ctrl-C may end this process at any moment, and the agents must not be left without an owner.
  await detach();
  const { project, id } = session;
  const workflow = project.store.load(id);
  const again = workflow.agents.filter(
    ({ state, backend }) => state === 'running' && !project.backends.get(backend).capabilities.resumes,
  );
  const names = again.map(({ name }) => name);
  const lost = names.length === 0 ? '' : ` On resume, ${beginAgainText(names)}.`;
  const keeps = workflow.session.onExit === 'keep';
  const what = keeps
    ? 'It continues in the background.'
    : `Its agents are being stopped and can be resumed.${lost}`;
  const [next, says] = keeps ? ['attach', 'show it again'] : ['resume', 'continue'];
  const lines = [
    `Detaching from ${id}. ${what}`,
    `  ${program} ${next} ${id}  ${says}`,
    `  ${program} cancel ${id}  end it for good`,
  ];
  terminal.notice(`\n${lines.join('\n')}`);
  return exitStatus.interrupted;
}
