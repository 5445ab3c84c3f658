import { join } from 'node:path';
import type { WorktreePlace } from '../../application/ports/workspaces.ts';
import type { MoveDeps } from './move-branch.ts';
import { moveCheckout, recoverCheckout } from './move-checkout.ts';
import { moveRef, type RefMove } from './refs.ts';
import { openRepository } from './repository.ts';
import { exists, removeRefLock, worktreeFolder } from './worktree-places.ts';
import { readState } from './worktree-state.ts';
import { openWorktree, type WorktreeDeps } from './worktrees.ts';

export type WorkMoveDeps = WorktreeDeps & { readonly moving: MoveDeps };

/** Moves the agent's branch, if it is there, and its worktree as far as it has no changes. */
export async function moveWork(
  { git, layout, moving }: WorkMoveDeps,
  place: WorktreePlace,
  move: RefMove,
): Promise<void> {
  const repository = await openRepository(git, place.repository);
  await removeRefLock(await repository.commonFolder(), move.ref);
  const folder = worktreeFolder(layout, place);
  const state = (await exists(folder)) ? await readState(folder) : null;
  const { from } = move;
  if (from !== null && state !== null && (await exists(join(state.gitDir, 'HEAD')))) {
    const worktree = await openWorktree(git, state.gitDir, folder);
    const checkout = { folder, gitDir: state.gitDir, repository: worktree };
    await recoverCheckout(checkout);
    const head = await worktree.run(['symbolic-ref', '--quiet', 'HEAD']);
    if (head.stdout.toString().trim() === move.ref && (await worktree.commit('HEAD')) === from) {
      const { how } = await moveCheckout(checkout, moving.self, { ...move, from });
      if (how === 'moved') return;
    }
  }
  // The files of the worktree stay as they are: what is checked is the commit.
  await moveRef(repository, move);
}
