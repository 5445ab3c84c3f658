import { readFile, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { CommitText, Snapshot, WorktreePlace } from '../../application/ports/workspaces.ts';
import { diffStat } from './diff.ts';
import { findState } from './found-state.ts';
import { commitHistory, historyRefOf } from './history.ts';
import { resolveRef } from './refs.ts';
import { openRepository, type Repository } from './repository.ts';
import { ignoreMissing, isGitDirOf, removeRefLock, worktreeFolder } from './worktree-places.ts';
import { indexOf, makeTree } from './worktree-tree.ts';
import { openWorktree, type WorktreeDeps } from './worktrees.ts';

/** Of operations that a snapshot ends by putting HEAD back on the branch. */
const operations = [
  ...['CHERRY_PICK_HEAD', 'REVERT_HEAD', 'REBASE_HEAD', 'AUTO_MERGE', 'rebase-merge', 'rebase-apply'],
  ...['sequencer', 'BISECT_LOG', 'BISECT_START', 'BISECT_TERMS', 'BISECT_NAMES', 'BISECT_RUN'],
  ...['BISECT_EXPECTED_REV', 'BISECT_ANCESTORS_OK', 'BISECT_FIRST_PARENT'],
];
const ofMerge = ['MERGE_HEAD', 'MERGE_MODE', 'MERGE_MSG', 'MERGE_RR', 'MERGE_AUTOSTASH'];

/**
 * See {@link Workspaces.snapshot}.
 * @param joins commits whose merge counts as made although conflicts are left: the worktree, which would remember it, is to go
 */
export async function snapshot(
  { git, layout }: WorktreeDeps,
  place: WorktreePlace,
  base: string,
  keptRef: string,
  text: CommitText,
  signal?: AbortSignal,
  joins: readonly string[] = [],
): Promise<Snapshot | null> {
  const folder = worktreeFolder(layout, place);
  const state = await findState(git, place, folder);
  if (state === null) return null;
  const common = dirname(dirname(state.gitDir));
  const branchRef = `refs/heads/${place.branch}`;
  // No process is left that could hold them.
  for (const ref of [branchRef, keptRef, historyRefOf(keptRef)]) await removeRefLock(common, ref);

  // An agent can remove it; its files and its branch are there nevertheless.
  const gitDir = (await isGitDirOf(state.gitDir, folder)) ? state.gitDir : null;
  if (gitDir !== null) {
    for (const name of ['HEAD', 'index']) await rm(join(gitDir, `${name}.lock`), { force: true });
  }
  const worktree =
    gitDir === null
      ? await openRepository(git, folder, { GIT_DIR: common, GIT_WORK_TREE: folder })
      : await openWorktree(git, gitDir, folder);
  const tip = await resolveRef(worktree, branchRef);
  const head = (gitDir === null ? null : await worktree.commit('HEAD')) ?? tip ?? base;
  const made = await makeTree({
    worktree,
    index: gitDir === null ? null : indexOf(gitDir),
    head,
    base,
    brought: state.brought,
    newIndex: gitDir === null ? `${folder}.index` : join(gitDir, 'maos-index'),
    signal,
  });
  const merged = gitDir === null ? [] : await mergeHeads(worktree, gitDir, head);
  const isMerging = made.isInConflict && merged.some((theirs) => !joins.includes(theirs));
  const parents = [head, ...(isMerging ? [] : merged)];
  const isNew = parents.length > 1 || made.tree !== (await worktree.text(['rev-parse', `${head}^{tree}`]));
  const commit = isNew ? await worktree.makeCommit(made.tree, parents, text) : head;
  signal?.throwIfAborted();

  const history = await commitHistory(worktree, gitDir, place.branch, commit, keptRef, text);
  await updateRefs(worktree, [
    ...(history === null ? [] : [`update ${historyRefOf(keptRef)} ${history}`]),
    `update ${keptRef} ${commit}`,
  ]);
  if (commit !== tip) await updateRefs(worktree, [`update ${branchRef} ${commit} ${tip ?? zeroOf(commit)}`]);
  if (gitDir !== null) await tidy(worktree, gitDir, branchRef, made, isMerging);
  await rm(made.index, { force: true });
  return { commit, diff: await diffStat(worktree, base, commit), unkept: made.unkept };
}

/** Puts HEAD back on the branch, and the index where the branch is, so that the worktree is clean. */
async function tidy(
  worktree: Repository,
  gitDir: string,
  branchRef: string,
  { index }: { readonly index: string },
  isMerging: boolean,
): Promise<void> {
  if ((await worktree.run(['symbolic-ref', '--quiet', 'HEAD'])).stdout.toString().trim() !== branchRef) {
    await worktree.succeed(['symbolic-ref', '-m', 'maos: back on the branch', 'HEAD', branchRef]);
  }
  // Its conflicts are recorded in the index: the agent may go on with them.
  if (isMerging) return;
  for (const name of [...operations, ...ofMerge])
    await rm(join(gitDir, name), { recursive: true, force: true });
  await rename(index, indexOf(gitDir));
}

/** The commits that a merge in progress would join to HEAD; none when it is already joined. */
async function mergeHeads(worktree: Repository, gitDir: string, head: string): Promise<string[]> {
  const content = (await readFile(join(gitDir, 'MERGE_HEAD'), 'utf8').catch(ignoreMissing)) ?? '';
  const heads: string[] = [];
  for (const line of content.split('\n')) {
    const commit = line === '' ? null : await worktree.commit(line);
    if (commit === null) continue;
    const { status } = await worktree.run(['merge-base', '--is-ancestor', commit, head]);
    if (status !== 0) heads.push(commit);
  }
  return heads;
}

async function updateRefs(worktree: Repository, commands: readonly string[]): Promise<void> {
  await worktree.succeed(['update-ref', '-m', 'maos: snapshot', '--stdin'], {
    input: `${commands.join('\n')}\n`,
  });
}

function zeroOf(commit: string): string {
  return '0'.repeat(commit.length);
}
