import { isSettled, waitForSession } from '../../../application/control/control.ts';
import { landingByItself } from '../../../application/landing/following-landing.ts';
import type { CommandContext } from '../command.ts';
import type { OpenSession } from '../facts/projects.ts';
import { exitStatus } from '../shell/exit-status.ts';
import { watchOwner, whileOwned } from '../shell/owner-notice.ts';
import { reportEnd } from './end-report.ts';
import { foregroundNotifier } from './foreground-notifier.ts';
import { makeProgress } from './progress.ts';

export interface ViewOptions {
  /** Events up to this `seq` are not shown (default: 0). */
  readonly after?: number;
  /** Ends the view without a report. */
  readonly signal?: AbortSignal;
}

/**
 * Shows a session that any process may run, until it ends or pauses. Ctrl-C leaves the view and the session alone.
 * @returns whether the session ended or paused
 */
export async function viewSession(
  context: CommandContext,
  session: OpenSession,
  { after = 0, signal }: ViewOptions = {},
): Promise<boolean> {
  const { project, id } = session;
  const { terminal, json } = context;
  const signals = [context.watchInterrupts(), terminal.outputLost, ...(signal === undefined ? [] : [signal])];
  const leaving = AbortSignal.any(signals);
  const left = new Promise<void>((resolve) => leaving.addEventListener('abort', () => resolve()));
  const notify = foregroundNotifier(context, session);
  const stopWatching = watchOwner(session, context);
  const progress = makeProgress(terminal, json);
  let settled = false;
  try {
    await whileOwned(session, leaving, (whole) =>
      waitForSession(project, id, {
        signal: whole,
        after,
        onEvents: (events) => {
          progress.show(events, project.store.load(id));
          notify(events);
          return Promise.race([terminal.drained(), left]);
        },
      }),
    );
    settled = isSettled(project.store.summary(id).session.state) && !leaving.aborted;
  } finally {
    stopWatching();
    progress.stop(settled ? 'clear' : 'keep');
  }
  return settled;
}

/**
 * {@link viewSession}, then the report of its end; then the session that lands its work, if its plan says so.
 * @returns the exit status
 */
export async function attachSession(
  context: CommandContext,
  session: OpenSession,
  options: ViewOptions = {},
): Promise<number> {
  const { terminal } = context;
  if (await viewSession(context, session, options)) {
    const status = reportEnd(context, session);
    const left = AbortSignal.any([context.watchInterrupts(), terminal.outputLost]);
    const landing = await landingOf(context, session, left);
    if (landing === null) return status;
    if (!context.json) terminal.line();
    return attachSession(context, landing);
  }
  if (terminal.outputLost.aborted) return exitStatus.done;
  terminal.notice(leftText(context, session));
  return exitStatus.interrupted;
}

/**
 * Waits until it is decided which session lands the work of a completed one by itself.
 * @returns null if none does, or the signal aborted first
 */
export async function landingOf(
  context: CommandContext,
  session: OpenSession,
  signal: AbortSignal,
): Promise<OpenSession | null> {
  const { project, id } = session;
  const stopWatching = watchOwner(session, context);
  const landing = await whileOwned(session, signal, (whole) => landingByItself(project, id, whole)).finally(
    stopWatching,
  );
  return landing === null ? null : { ...session, id: landing };
}

/** What Ctrl-C in a view means. */
export function leftText({ program }: Pick<CommandContext, 'program'>, { project, id }: OpenSession): string {
  const { state } = project.store.summary(id).session;
  return `\nLeft the view. ${id} is still ${state}.\n  ${program} attach ${id}  show it again`;
}
