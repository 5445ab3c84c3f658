import type { NotificationFailure, WaitingNotification } from '../ports/notifications.ts';
import type { SessionStore } from '../ports/session-store.ts';
import type { Project } from '../project.ts';
import { completeDocuments, type DocumentsProject } from '../session/session-documents.ts';
import { whenFree } from '../when-free.ts';

/** The parts of a project that recording a failure needs. */
export type FailureProject = DocumentsProject &
  Pick<Project, 'instance' | 'instances'> & {
    readonly store: Pick<SessionStore, 'notifications' | 'acquire' | 'release' | 'load'>;
  };

const pauseMs = 500;

/**
 * Gives up a notification, and records this as an event of its session. An ended session has no owner that would update
 * `session.log`, so this process acquires it meanwhile. If another process has acquired it, that one will soon release
 * it.
 */
export async function recordFailure(
  project: FailureProject,
  notification: WaitingNotification,
  failure: NotificationFailure,
): Promise<void> {
  const { store, clock, watcher } = project;
  for (;;) {
    const isStored = await whenFree(project, () => store.notifications.fail(notification, failure, null));
    if (isStored || (await recordAfterEnd(project, notification, failure))) break;
    await new Promise<void>((resolve) => clock.after(pauseMs, resolve));
  }
  watcher.notify();
}

/** @returns false if the session has another owner */
async function recordAfterEnd(
  project: FailureProject,
  notification: WaitingNotification,
  failure: NotificationFailure,
): Promise<boolean> {
  const { store, instance, instances } = project;
  const { sessionId } = notification;
  await instances.announce();
  // Never takes over from an owner that may be gone: the process that does so first completes the session's files.
  const when = { staleBefore: new Date(0).toISOString() };
  const lease = await whenFree(project, () => store.acquire(sessionId, instance, when));
  if (lease === null) return false;
  try {
    await whenFree(project, () => store.notifications.fail(notification, failure, lease));
    await completeDocuments(project, lease);
  } finally {
    await whenFree(project, () => store.release(lease));
  }
  return true;
}
