import type { CommitText, Joined } from '../../application/ports/workspaces.ts';
import { MaosError } from '../../domain/errors.ts';
import { rememberMerge } from './merge-memory.ts';
import {
  type MergedTree,
  type MergeTrees,
  makeBench,
  mergeWithMergeTree,
  mergeWithRecursive,
  noteMerged,
} from './merge-trees.ts';
import { mergeBase } from './refs.ts';
import type { Repository } from './repository.ts';
import { withScratch } from './scratch.ts';
import { measureChanges } from './tree-changes.ts';

/**
 * Joins commits in their order: of two, one that contains the other, or else a merge of both. No checkout.
 * @param scratch see {@link withScratch}
 */
export async function joinCommits(
  repository: Repository,
  scratch: string,
  commits: readonly string[],
  text: (ours: string, theirs: string) => CommitText,
): Promise<Joined> {
  const [first, ...others] = commits;
  if (first === undefined) throw new MaosError('INTERNAL', 'There are no commits to join.');
  let ours = first;
  for (const theirs of others) {
    const joint = await joinTwo(repository, scratch, ours, theirs);
    if (!joint.isClean) return { how: 'conflict', conflict: { ours, theirs, paths: joint.paths } };
    ours = 'commit' in joint ? joint.commit : await commitMerge(repository, joint.tree, ours, theirs, text);
  }
  return { how: 'clean', commit: ours };
}

/** One commit on `onto` with all that `commit` changes relative to it; `onto` itself if that is nothing. */
export async function squashCommit(
  repository: Repository,
  scratch: string,
  onto: string,
  commit: string,
  text: CommitText,
): Promise<Joined> {
  const merged = await withScratch(scratch, (folder) => mergeCommits(repository, folder, onto, commit));
  if (!merged.isClean) {
    return { how: 'conflict', conflict: { ours: onto, theirs: commit, paths: merged.paths } };
  }
  const isSame = merged.tree === (await repository.text(['rev-parse', `${onto}^{tree}`]));
  return { how: 'clean', commit: isSame ? onto : await repository.makeCommit(merged.tree, [onto], text) };
}

/** @returns the one that contains the other, or the merge of both */
async function joinTwo(
  repository: Repository,
  scratch: string,
  ours: string,
  theirs: string,
): Promise<MergedTree | { readonly isClean: true; readonly commit: string }> {
  if (ours === theirs) return { isClean: true, commit: ours };
  return withScratch(scratch, async (folder) => {
    // At once, because each costs the start of a process. Both are awaited, also when one fails.
    const looking = mergeBase(repository, ours, theirs);
    const merging = mergeCommits(repository, folder, ours, theirs);
    await Promise.allSettled([looking, merging]);
    const base = await looking;
    if (base === theirs || base === ours) return { isClean: true, commit: base === ours ? theirs : ours };
    return merging;
  });
}

async function commitMerge(
  repository: Repository,
  tree: string,
  ours: string,
  theirs: string,
  text: (ours: string, theirs: string) => CommitText,
): Promise<string> {
  const [commit, { changes, stat }] = await Promise.all([
    repository.makeCommit(tree, [ours, theirs], text(ours, theirs)),
    measureChanges(repository, ours, tree),
  ]);
  rememberMerge(repository.git, { base: ours, commit, stat, changes });
  noteMerged(repository, ours, commit, changes);
  return commit;
}

/** @param folder an empty one */
async function mergeCommits(
  repository: Repository,
  folder: string,
  ours: string,
  theirs: string,
): Promise<MergedTree> {
  const merge = await mergeWay(repository);
  return merge(await makeBench(repository, folder, ours), ours, theirs);
}

async function mergeWay({ git }: Repository): Promise<MergeTrees> {
  return (await git.isAtLeast([2, 38])) ? mergeWithMergeTree : mergeWithRecursive;
}
