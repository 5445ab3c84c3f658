import { join } from 'node:path';
import type { CommitText, WorktreePlace } from '../../application/ports/workspaces.ts';
import { bytesOfName, textOfName } from '../files/disk/file-names.ts';
import type { MoveDeps } from './move-branch.ts';
import { moveCheckout, recoverCheckout } from './move-checkout.ts';
import { isAttributes, protectedChanges } from './protected-changes.ts';
import { moveRef, type RefMove } from './refs.ts';
import { openRepository } from './repository.ts';
import { withScratch } from './scratch.ts';
import { type IndexedTree, indexTree } from './tree-index.ts';
import { verifyObjects } from './verify-objects.ts';
import { exists, removeRefLock, worktreeFolder } from './worktree-places.ts';
import { readState } from './worktree-state.ts';
import { openWorktree, type WorktreeDeps } from './worktrees.ts';

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

/** Moves the agent's branch, if it is there, and its worktree as far as it has no changes. */
async function moveWork(
  { git, layout, moving }: ProtectDeps,
  place: WorktreePlace,
  move: RefMove & { readonly from: string },
): Promise<void> {
  const repository = await openRepository(git, place.repository);
  await removeRefLock(await repository.commonFolder(), move.ref);
  const folder = worktreeFolder(layout, place);
  const state = (await exists(folder)) ? await readState(folder) : null;
  if (state !== null && (await exists(join(state.gitDir, 'HEAD')))) {
    const worktree = await openWorktree(git, state.gitDir, folder);
    const checkout = { folder, gitDir: state.gitDir, repository: worktree };
    await recoverCheckout(checkout);
    const head = await worktree.run(['symbolic-ref', '--quiet', 'HEAD']);
    if (head.stdout.toString().trim() === move.ref && (await worktree.commit('HEAD')) === move.from) {
      const { how } = await moveCheckout(checkout, moving.self, move);
      if (how === 'moved') return;
    }
  }
  // The files of the worktree stay as they are: what is checked is the commit.
  await moveRef(repository, move);
}
