import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { WorktreePlace } from '../../application/ports/workspaces.ts';
import { openRepository } from './repository.ts';
import type { Git } from './run-git.ts';
import { exists, gitDirsOf, isFinished } from './worktree-places.ts';
import { readState, type WorktreeState, writeState } from './worktree-state.ts';

/**
 * The state of a worktree; null if there is none, or a half-made one.
 *
 * Problem: an agent can delete or damage the file with the state, and its worktree would pass for a half-made one, which
 * is removed and made again.
 * Solution: the repository knows too whether the worktree was finished. Files of a worktree that it does not know at all
 * are an agent's: git makes its own folder first.
 */
export async function findState(
  git: Git,
  place: WorktreePlace,
  folder: string,
): Promise<WorktreeState | null> {
  if (!(await exists(folder))) return null;
  const state = await readState(folder);
  if (state !== null) return state;
  const names = await readdir(folder);
  if (names.every((name) => name === '.git')) return null;
  const common = await (await openRepository(git, place.repository)).commonFolder();
  const [gitDir] = await gitDirsOf(common, folder);
  if (gitDir !== undefined && !(await isFinished(gitDir))) return null;
  const gone = join(common, 'worktrees', `gone-${place.agentId}`);
  const found: WorktreeState = { gitDir: gitDir ?? gone, brought: [], merge: null };
  await writeState(folder, found);
  return found;
}
