import type { RetentionPolicy } from '../../ports/maintenance.ts';
import { decideCandidates } from './candidates.ts';
import { collectRefs } from './collect-refs.ts';
import { earlier } from './earlier.ts';
import { isDiskFull } from './full-disk.ts';
import type { GarbageReport, HeldBack, RemovalCandidate } from './garbage-report.ts';
import { endOldRemovals, findLeftovers } from './leftovers.ts';
import { type RemovalNeeds, removeSessions } from './remove-sessions.ts';

type Needs = RemovalNeeds;

/** Sessions per removal; a kill leaves at most this many folders behind. */
const batchSize = 50;
/** An owner without a heartbeat for this long does not count; far longer than any lease. */
const ownerPatienceMs = 3_600_000;

/**
 * Removes sessions by age, number and size, those that ended first before others, and never a live one. Killed at any
 * moment, it leaves every session either complete or gone; the next collection removes remaining files.
 * @param signal stops it between two steps
 */
export async function collectGarbage(
  project: Needs,
  policy: RetentionPolicy,
  now: string,
  dryRun: boolean,
  signal: AbortSignal | null = null,
): Promise<GarbageReport> {
  const staleBefore = earlier(now, ownerPatienceMs);
  const sessions = project.store.maintenance.sessionAges(staleBefore);
  const leftovers = await findLeftovers(project, policy, now, new Set(sessions.map(({ id }) => id)));
  const { candidates, keptBytes } = await decideCandidates(project, policy, now, sessions);
  const found: RemovalCandidate[] = [...leftovers, ...candidates];
  const removed: RemovalCandidate[] = dryRun ? found : [];
  const left: Pick<GarbageReport, 'notRemoved' | 'heldBack'>[] = [];
  if (!dryRun) {
    left.push(await endOldRemovals(project, now));
    for (let from = 0; from < found.length && signal?.aborted !== true; from += batchSize) {
      const batch = await removeSessions(project, found.slice(from, from + batchSize), staleBefore, now);
      removed.push(...batch.removed);
      left.push(batch);
    }
    await noteCollection(project, now);
  }
  const gone = new Set(removed.map(({ id }) => id));
  return {
    dryRun,
    removed,
    removedBytes: removed.reduce((sum, { bytes }) => sum + bytes, 0),
    kept: sessions.filter(({ id }) => !gone.has(id)).length,
    keptBytes,
    notRemoved: left.flatMap(({ notRemoved }) => notRemoved),
    heldBack: uniqueByPath(left.flatMap(({ heldBack }) => heldBack)),
    refs: await collectRefs(project, policy, now, gone, { dryRun }),
  };
}

/** If it is not recorded, the next collection only runs earlier. */
async function noteCollection({ files, log }: RemovalNeeds, now: string): Promise<void> {
  try {
    await files.maintenance.noteCollection(now);
  } catch (error) {
    if (!isDiskFull(error)) throw error;
    log.log('warn', 'cannot record the cleanup', { error });
  }
}

/** What could not be removed at the begin is tried again with the others. */
function uniqueByPath(held: readonly HeldBack[]): readonly HeldBack[] {
  return [...new Map(held.map((one) => [one.path, one])).values()];
}
