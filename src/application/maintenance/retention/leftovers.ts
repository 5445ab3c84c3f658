import type { SessionId } from '../../../domain/ids.ts';
import type { RetentionPolicy } from '../../ports/maintenance.ts';
import type { Project } from '../../project.ts';
import { discardFolder } from './discard-folder.ts';
import { earlier } from './earlier.ts';
import type { GarbageReport, HeldBack, RemovalCandidate } from './garbage-report.ts';
import type { WorktreeNeeds } from './remove-worktrees.ts';

type Needs = Pick<Project, 'store' | 'files'>;

/** A removal of another process that is older than this was interrupted. */
const removalPatienceMs = 3_600_000;

/**
 * Folders without a session: of unfinished removals, and those unchanged for as long as sessions are kept. A newer one
 * may be what remains of a session after a database was lost, from which it can be recovered.
 */
export async function findLeftovers(
  { files: { maintenance } }: Needs,
  { maxAgeMs }: RetentionPolicy,
  now: string,
  known: ReadonlySet<SessionId>,
): Promise<readonly RemovalCandidate[]> {
  const begun = new Set((await maintenance.removals()).flatMap(({ sessions }) => sessions));
  const found: RemovalCandidate[] = [];
  for (const id of await maintenance.folders()) {
    if (known.has(id)) continue;
    const changed = begun.has(id) ? null : await maintenance.lastChange(id);
    const isOld = maxAgeMs !== null && changed !== null && changed < earlier(now, maxAgeMs);
    if (begun.has(id) || isOld) {
      found.push({ id, reason: 'leftover', endedAt: null, bytes: await maintenance.sizeOf(id) });
    }
  }
  return found;
}

/** Completes removals that were interrupted. */
export async function endOldRemovals(
  project: WorktreeNeeds,
  now: string,
): Promise<Pick<GarbageReport, 'notRemoved' | 'heldBack'>> {
  const { store, files } = project;
  const { maintenance } = files;
  // First, because otherwise what the loop below leaves would be tried and reported twice.
  const notRemoved = [...(await maintenance.sweep())];
  const heldBack: HeldBack[] = [];
  for (const removal of await maintenance.removals()) {
    for (const id of removal.sessions) {
      if (store.maintenance.exists(id)) continue;
      const done = await discardFolder(project, id, now);
      notRemoved.push(...done.notRemoved);
      heldBack.push(...done.heldBack);
    }
    const isOver = removal.sessions.every((id) => !store.maintenance.exists(id));
    if (isOver || removal.begunAt < earlier(now, removalPatienceMs)) await maintenance.endRemoval(removal);
  }
  return { notRemoved, heldBack };
}
