import { setTimeout as pause } from 'node:timers/promises';
import { isMaosError, MaosError, showPath } from '../../domain/errors.ts';
import { Serial } from '../files/disk/serial.ts';
import { mendHalfMade } from './listed-worktrees.ts';
import { resolveRef } from './refs.ts';
import type { Repository } from './repository.ts';
import type { Git } from './run-git.ts';
import { gitDirsOf, lockWorktree, removeGitDir, removeRefLock } from './worktree-places.ts';

/** By repository, for everyone who uses the same git. */
const adding = new WeakMap<Git, Serial<string>>();
const mostTries = 100;
const retryMs = 30;

/** What a worktree has checked out: a branch, created at `base` if need be, or a commit to check without one. */
export type WorktreeHead =
  | { readonly branch: string; readonly base: string }
  | { readonly commit: string; readonly protect: readonly string[] };

/**
 * Adds a worktree without files: what the configuration says in it must be read before git writes them.
 * @returns its folder in the repository
 */
export async function addWorktree(
  repository: Repository,
  common: string,
  folder: string,
  head: WorktreeHead,
): Promise<string> {
  const turns = adding.get(repository.git) ?? new Serial<string>();
  adding.set(repository.git, turns);
  await turns.run(common, () =>
    whileOthersAdd(common, folder, () => tryToAdd(repository, common, folder, head)),
  );
  const [gitDir] = await gitDirsOf(common, folder);
  if (gitDir === undefined) {
    throw new MaosError('INTERNAL', `git has made no worktree in ${showPath(folder)}.`);
  }
  await lockWorktree(gitDir, false);
  return gitDir;
}

/**
 * Problem: git fails while it finds a worktree that another git has half made.
 * Solution: add one at a time, and try again when another maos, or the user, adds one.
 */
async function whileOthersAdd(common: string, folder: string, add: () => Promise<void>): Promise<void> {
  for (let left = mostTries; ; left--) {
    try {
      return await add();
    } catch (error) {
      // Left only by a git that was killed.
      for (const gitDir of await gitDirsOf(common, folder)) await removeGitDir(gitDir);
      await mendHalfMade(common);
      const isHalfMade = isMaosError(error) && /worktrees\/.*\/commondir/.test(error.message);
      if (!isHalfMade || left === 0) throw error;
      await pause(retryMs);
    }
  }
}

async function tryToAdd(
  repository: Repository,
  common: string,
  folder: string,
  head: WorktreeHead,
): Promise<void> {
  const add = ['worktree', 'add', '--no-checkout'];
  if ('commit' in head) {
    await repository.succeed([...add, '--detach', folder, head.commit]);
    return;
  }
  const { branch, base } = head;
  await removeRefLock(common, `refs/heads/${branch}`);
  const isNew = (await resolveRef(repository, branch)) === null;
  const target = isNew ? ['-b', branch, folder, base] : ['--force', folder, branch];
  await repository.succeed([...add, ...target]);
}
