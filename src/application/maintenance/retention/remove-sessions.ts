import type { NotRemoved } from '../../ports/maintenance.ts';
import type { Project } from '../../project.ts';
import { whenFree } from '../../when-free.ts';
import { isDiskFull } from './full-disk.ts';
import type { GarbageReport, RemovalCandidate } from './garbage-report.ts';

export type RemovalNeeds = Pick<Project, 'store' | 'files' | 'settings' | 'watcher' | 'clock'>;

type Removed = Pick<GarbageReport, 'removed' | 'notRemoved'>;

/** How long a removal may hold the store at a time, and the minimum pause after it for processes that run sessions. */
const holdMs = 10;
const restMs = 10;

/**
 * Removing a session needs disk space too, to record the removal and to change the store. If there is none, removes
 * folders one by one until there is. A kill then leaves a session without its folder; as it ended first, it is the
 * first that the next collection removes.
 */
export async function removeOnFullDisk(
  project: RemovalNeeds,
  batch: readonly RemovalCandidate[],
  staleBefore: string,
  now: string,
): Promise<Removed> {
  const notRemoved: NotRemoved[] = [];
  for (const next of [...batch, null]) {
    try {
      const done = await removeBatch(project, batch, staleBefore, now);
      return { removed: done.removed, notRemoved: [...notRemoved, ...done.notRemoved] };
    } catch (error) {
      if (next === null || !isDiskFull(error)) throw error;
    }
    const { store, files } = project;
    const isLive = store.maintenance.sessionAges(staleBefore).some(({ id, live }) => id === next.id && live);
    if (!isLive) notRemoved.push(...(await files.maintenance.discard(next.id)));
  }
  throw new Error('the last try has returned or thrown');
}

/** The order makes a kill safe: record the intent, delete the records, delete the folders, delete the intent. */
async function removeBatch(
  project: RemovalNeeds,
  batch: readonly RemovalCandidate[],
  staleBefore: string,
  now: string,
): Promise<Removed> {
  const { store, files, clock, watcher } = project;
  const removal = await files.maintenance.beginRemoval(
    batch.map(({ id }) => id),
    now,
  );
  const removed: RemovalCandidate[] = [];
  for (let rest = batch; rest.length > 0; ) {
    const ids = rest.map(({ id }) => id);
    let began = 0;
    const { dealtWith } = await whenFree(project, () => {
      began = clock.elapsedMs();
      return store.maintenance.removeEnded(ids, staleBefore, holdMs);
    });
    // Leave the store free for at least as long as it was held: SQLite has no queue for waiting processes.
    const held = clock.elapsedMs() - began;
    await new Promise<void>((resolve) => clock.after(Math.max(restMs, held), resolve));
    // Checked again, so that a session that was retried meanwhile keeps its folder.
    removed.push(...rest.slice(0, dealtWith).filter(({ id }) => !store.maintenance.exists(id)));
    rest = rest.slice(dealtWith);
  }
  const notRemoved: NotRemoved[] = [];
  for (const { id } of removed) notRemoved.push(...(await files.maintenance.discard(id)));
  await files.maintenance.endRemoval(removal);
  watcher.notify();
  return { removed, notRemoved };
}
