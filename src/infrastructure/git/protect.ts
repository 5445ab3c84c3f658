import { join } from 'node:path';
import type { CommitText, WorktreePlace } from '../../application/ports/workspaces.ts';
import { bytesOfName, textOfName } from '../files/disk/file-names.ts';
import type { MoveDeps } from './move-branch.ts';
import { moveWork } from './move-work.ts';
import { isAttributes, protectedChanges } from './protected-changes.ts';
import { openRepository } from './repository.ts';
import { withScratch } from './scratch.ts';
import { type IndexedTree, indexTree } from './tree-index.ts';
import { verifyObjects } from './verify-objects.ts';
import type { WorktreeDeps } from './worktrees.ts';

export type ProtectDeps = WorktreeDeps & { readonly moving: MoveDeps; readonly scratch: string };

/** See {@link Workspaces.protect}. */
export async function protect(
  deps: ProtectDeps,
  place: WorktreePlace,
  commit: string,
  base: string,
  globs: readonly string[],
  text: CommitText,
): Promise<{ readonly commit: string; readonly restored: readonly string[] }> {
  if (globs.length === 0) return { commit, restored: [] };
  const repository = await openRepository(deps.git, place.repository);
  await verifyObjects(repository, [base, commit], isAttributes);
  return withScratch(deps.scratch, async (folder) => {
    const index = (name: string, tree: string): Promise<IndexedTree> =>
      indexTree(repository, join(folder, name), tree);
    const changes = await protectedChanges({ repository, index, commit, base, globs });
    if (changes.length === 0) return { commit, restored: [] };
    const whole = await index('restored', commit);
    await whole.restore(changes);
    const made = await repository.makeCommit(await whole.write(), [commit], text);
    await moveWork(deps, place, {
      ref: `refs/heads/${place.branch}`,
      from: commit,
      to: made,
      message: 'maos: restore protected files',
    });
    return { commit: made, restored: changes.map(({ path }) => textOfName(bytesOfName(path))) };
  });
}
