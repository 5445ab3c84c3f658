import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { MergeConflict } from '../../application/ports/workspaces.ts';
import { MaosError, quote } from '../../domain/errors.ts';
import { bytesOfName, joinBytes, textOfName } from '../files/disk/file-names.ts';
import { gitError } from './git-error.ts';
import { withoutRenames } from './merge-trees.ts';
import type { Repository } from './repository.ts';
import { exists, ignoreMissing } from './worktree-places.ts';
import { type WorktreeState, writeState } from './worktree-state.ts';
import { worktreeStatus } from './worktree-status.ts';

/**
 * Begins a merge that stops at its conflicts. Repeated after an interruption, it begins again; once begun, the merge is
 * left to the agent, unless the agent has aborted it.
 * @param folder of the worktree, whose state this is
 * @throws MaosError INVALID_INPUT if the worktree has changes
 */
export async function beginMerge(
  worktree: Repository,
  folder: string,
  state: WorktreeState,
  { ours, theirs }: MergeConflict,
): Promise<void> {
  await rm(join(state.gitDir, 'index.lock'), { force: true });
  const isRepeated = state.merge?.ours === ours && state.merge.theirs === theirs;
  const wasBegun = state.merge?.isBegun === true;
  if (wasBegun && (await isWithAgent(worktree, state, isRepeated, { ours, theirs }))) {
    return isRepeated ? undefined : writeState(folder, { ...state, merge: { ours, theirs, isBegun: true } });
  }
  const untracked = await changesOf(worktree, state, isRepeated && !wasBegun);
  await writeState(folder, { ...state, merge: { ours, theirs, isBegun: false } });
  await worktree.succeed(['reset', '--hard', '--quiet', ours]);
  // An interrupted merge has made files that git would not overwrite.
  for (const path of await filesOf(worktree, theirs, untracked)) {
    await rm(joinBytes(worktree.folder, bytesOfName(path)), { force: true });
  }
  // The configuration of the repository may name a program as the strategy.
  const strategy = (await worktree.git.isAtLeast([2, 34])) ? 'ort' : 'recursive';
  const args = ['merge', '--no-commit', '--no-ff', '--no-stat', '--quiet'];
  let merged = await worktree.run([...args, '-s', strategy, theirs]);
  if (merged.status === -1) {
    await rm(join(state.gitDir, 'index.lock'), { force: true });
    await worktree.succeed(['reset', '--hard', '--quiet', ours]);
    merged = await worktree.run([...withoutRenames, ...args, '-s', 'recursive', theirs]);
  }
  const isBegun = merged.status === 0 || (await exists(join(state.gitDir, 'MERGE_HEAD')));
  if (!isBegun) throw gitError(args, merged, folder);
  await writeState(folder, { ...state, merge: { ours, theirs, isBegun: true } });
}

/**
 * Whether an earlier merge is still the one to make, so that the agent goes on with what it has. A snapshot commits its
 * files and leaves its conflicts in the index, also if another commit is to be merged now: then they are cleared.
 */
async function isWithAgent(
  worktree: Repository,
  { gitDir }: WorktreeState,
  isRepeated: boolean,
  { ours, theirs }: Pick<MergeConflict, 'ours' | 'theirs'>,
): Promise<boolean> {
  const merging = (await readFile(join(gitDir, 'MERGE_HEAD'), 'utf8').catch(ignoreMissing))?.trim();
  const isAtOurs = (await worktree.commit('HEAD')) === ours;
  if (isRepeated && (!isAtOurs || merging !== undefined)) return true;
  if (isAtOurs && merging === theirs) return true;
  if (merging !== undefined) await worktree.succeed(['reset', '--mixed', '--quiet']);
  return false;
}

/** @returns untracked files of an interrupted merge */
async function changesOf(worktree: Repository, state: WorktreeState, isRepeated: boolean): Promise<string[]> {
  const brought = new Set(state.brought);
  const { changed, gone, unkept } = await worktreeStatus(worktree, (path) => brought.has(path), {});
  const changes = [...changed, ...gone, ...unkept];
  if (isRepeated || changes.length === 0) return [...changed];
  throw new MaosError(
    'INVALID_INPUT',
    `A merge cannot begin in the worktree ${quote(worktree.folder)}, because it has changes that no commit holds, such as ${quote(textOfName(bytesOfName(changes[0] as string)))}. Commit them in it first.`,
    { details: { folder: worktree.folder, changes: changes.length } },
  );
}

/** Those paths that the commit has. */
async function filesOf(worktree: Repository, commit: string, paths: readonly string[]): Promise<string[]> {
  if (paths.length === 0) return [];
  const known = new Set(await worktree.names(['ls-tree', '-r', '-z', '--name-only', '--full-tree', commit]));
  return paths.filter((path) => known.has(path));
}
