import { readFile } from 'node:fs/promises';
import type { Snapshot, WorktreePlace } from '../../application/ports/workspaces.ts';
import { MaosError } from '../../domain/errors.ts';
import { writeFileAtomic } from '../files/disk/atomic.ts';
import type { SessionLayout } from '../files/home/layout.ts';
import { diffStat } from './diff.ts';
import { moveWork, type WorkMoveDeps } from './move-work.ts';
import { pointTo } from './receive-bundle.ts';
import { isAncestor, resolveRef } from './refs.ts';
import { openRepository } from './repository.ts';
import { ignoreMissing, worktreeFolder } from './worktree-places.ts';

/** See {@link Workspaces.received}. */
export async function received(
  deps: WorkMoveDeps,
  place: WorktreePlace,
  base: string,
  keptRef: string,
): Promise<Snapshot | null> {
  const refusal = await readRefusal(deps.layout, place);
  if (refusal?.ref === keptRef) throw new MaosError('FORBIDDEN', refusal.reason);
  const repository = await openRepository(deps.git, place.repository);
  const commit = await resolveRef(repository, keptRef);
  if (commit === null) return null;
  const tip = await resolveRef(repository, place.branch);
  if (tip !== commit) {
    const ref = `refs/heads/${place.branch}`;
    // Somebody may have committed on the branch meanwhile.
    if (tip !== null && !(await isAncestor(repository, tip, commit)))
      await pointTo(repository, [{ ref: `${keptRef}.branch`, commit: tip }]);
    await moveWork(deps, place, { ref, from: tip, to: commit, message: 'maos: from another machine' });
  }
  return { commit, diff: await diffStat(repository, base, commit), unkept: [] };
}

/** Why the work of an attempt was not taken. Written before the end of the attempt is. */
interface Refusal {
  /** The ref that would keep it. */
  readonly ref: string;
  readonly reason: string;
}

export async function writeRefusal(
  layout: SessionLayout,
  place: WorktreePlace,
  refusal: Refusal,
): Promise<void> {
  await writeFileAtomic(refusalFile(layout, place), `${JSON.stringify(refusal)}\n`);
}

async function readRefusal(layout: SessionLayout, place: WorktreePlace): Promise<Refusal | null> {
  const text = await readFile(refusalFile(layout, place), 'utf8').catch(ignoreMissing);
  return text === undefined ? null : (JSON.parse(text) as Refusal);
}

function refusalFile(layout: SessionLayout, place: WorktreePlace): string {
  return `${worktreeFolder(layout, place)}.refused`;
}
