import type { Project } from '../../project.ts';
import { whenFree } from '../../when-free.ts';
import { discardFolder } from './discard-folder.ts';
import { isDiskFull } from './full-disk.ts';
import type { GarbageReport, HeldBack, RemovalCandidate } from './garbage-report.ts';
import { removeWorktrees, type WorktreeNeeds } from './remove-worktrees.ts';

export type RemovalNeeds = WorktreeNeeds & Pick<Project, 'watcher'>;

type Removed = Pick<GarbageReport, 'removed' | 'notRemoved' | 'heldBack'>;

/** How long a removal may hold the store at a time, and the minimum pause after it for processes that run sessions. */
const holdMs = 10;
const restMs = 10;

/** Removes those of the sessions whose worktrees can be removed. */
export async function removeSessions(
  project: RemovalNeeds,
  batch: readonly RemovalCandidate[],
  staleBefore: string,
  now: string,
): Promise<Removed> {
  const heldBack: HeldBack[] = [];
  const ready: RemovalCandidate[] = [];
  for (const candidate of batch) {
    const outcome = await removeWorktrees(project, candidate.id, staleBefore);
    if (outcome === 'gone') ready.push(candidate);
    else if (outcome !== 'busy') heldBack.push(...outcome);
  }
  if (ready.length === 0) return { removed: [], notRemoved: [], heldBack };
  const done = await removeOnFullDisk(project, ready, staleBefore, now);
  return { ...done, heldBack: [...heldBack, ...done.heldBack] };
}

/**
 * Removing a session needs disk space too, to record the removal and to change the store. If there is none, removes
 * folders one by one until there is. A kill then leaves a session without its folder; as it ended first, it is the
 * first that the next collection removes.
 */
async function removeOnFullDisk(
  project: RemovalNeeds,
  batch: readonly RemovalCandidate[],
  staleBefore: string,
  now: string,
): Promise<Removed> {
  const left: Pick<Removed, 'notRemoved' | 'heldBack'>[] = [];
  for (const next of [...batch, null]) {
    try {
      const { removed, ...rest } = await removeBatch(project, batch, staleBefore, now);
      return { removed, ...together([...left, rest]) };
    } catch (error) {
      if (next === null || !isDiskFull(error)) throw error;
    }
    const ages = project.store.maintenance.sessionAges(staleBefore);
    const isLive = ages.some(({ id, live }) => id === next.id && live);
    if (!isLive) left.push(await discardFolder(project, next.id, staleBefore));
  }
  throw new Error('the last try has returned or thrown');
}

function together(parts: readonly Pick<Removed, 'notRemoved' | 'heldBack'>[]) {
  return {
    notRemoved: parts.flatMap(({ notRemoved }) => notRemoved),
    heldBack: parts.flatMap(({ heldBack }) => heldBack),
  };
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
  const left: Pick<Removed, 'notRemoved' | 'heldBack'>[] = [];
  for (const { id } of removed) left.push(await discardFolder(project, id, staleBefore));
  await files.maintenance.endRemoval(removal);
  watcher.notify();
  return { removed, ...together(left) };
}
