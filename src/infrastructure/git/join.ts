import type { CommitText, Joined } from '../../application/ports/workspaces.ts';
import { MaosError } from '../../domain/errors.ts';
import { type MergedTree, makeBench, mergeWithMergeTree, mergeWithRecursive } from './merge-trees.ts';
import { mergeBase } from './refs.ts';
import type { Repository } from './repository.ts';
import { withScratch } from './scratch.ts';

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
    const base = await mergeBase(repository, ours, theirs);
    if (base === theirs) continue;
    if (base === ours) {
      ours = theirs;
      continue;
    }
    const merged = await mergeCommits(repository, scratch, ours, theirs);
    if (!merged.isClean) return { how: 'conflict', conflict: { ours, theirs, paths: merged.paths } };
    ours = await repository.makeCommit(merged.tree, [ours, theirs], text(ours, theirs));
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
  const merged = await mergeCommits(repository, scratch, onto, commit);
  if (!merged.isClean) {
    return { how: 'conflict', conflict: { ours: onto, theirs: commit, paths: merged.paths } };
  }
  const isSame = merged.tree === (await repository.text(['rev-parse', `${onto}^{tree}`]));
  return { how: 'clean', commit: isSame ? onto : await repository.makeCommit(merged.tree, [onto], text) };
}

async function mergeCommits(
  repository: Repository,
  scratch: string,
  ours: string,
  theirs: string,
): Promise<MergedTree> {
  const merge = (await repository.git.isAtLeast([2, 38])) ? mergeWithMergeTree : mergeWithRecursive;
  return withScratch(scratch, async (folder) =>
    merge(await makeBench(repository, folder, ours), ours, theirs),
  );
}
