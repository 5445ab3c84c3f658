import type { SessionId } from '../../../domain/ids.ts';
import type { NotRemoved, RetentionPolicy } from '../../ports/maintenance.ts';
import type { Project } from '../../project.ts';
import { earlier } from './earlier.ts';
import type { RemovalCandidate } from './garbage-report.ts';

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
  { files: { maintenance }, store }: Needs,
  now: string,
): Promise<readonly NotRemoved[]> {
  // First, because otherwise what the loop below leaves would be tried and reported twice.
  const left = [...(await maintenance.sweep())];
  for (const removal of await maintenance.removals()) {
    for (const id of removal.sessions) {
      if (!store.maintenance.exists(id)) left.push(...(await maintenance.discard(id)));
    }
    const isOver = removal.sessions.every((id) => !store.maintenance.exists(id));
    if (isOver || removal.begunAt < earlier(now, removalPatienceMs)) await maintenance.endRemoval(removal);
  }
  return left;
}
