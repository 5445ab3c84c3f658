import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isMissing } from '../files/disk/file-error.ts';
import { show } from './checkout-plan.ts';
import type { Repository } from './repository.ts';

/** A worktree of a repository, as git lists it. */
export interface ListedWorktree {
  readonly folder: string;
  /** Full name; null: none, or the worktree is bare. */
  readonly ref: string | null;
  readonly isLocked: boolean;
}

/** All worktrees of the repository, the main one first. */
export async function listWorktrees(repository: Repository): Promise<readonly ListedWorktree[]> {
  const text = await repository.text(['worktree', 'list', '--porcelain']);
  return text.split(/\n\n+(?=worktree )/).flatMap((entry) => {
    const folder = /^worktree (.+)$/m.exec(entry)?.[1];
    if (folder === undefined || /^bare$/m.test(entry)) return [];
    const ref = /^branch (.+)$/m.exec(entry)?.[1] ?? null;
    return [{ folder, ref, isLocked: /^locked\b/m.test(entry) }];
  });
}

const operations: readonly (readonly [file: string, name: string])[] = [
  ['rebase-merge', 'rebase'],
  ['rebase-apply', 'rebase'],
  ['MERGE_HEAD', 'merge'],
  ['CHERRY_PICK_HEAD', 'cherry-pick'],
  ['REVERT_HEAD', 'revert'],
  ['sequencer', 'cherry-pick or revert'],
  ['BISECT_LOG', 'bisect'],
];

/** What is in progress in a worktree, such as "a rebase is in progress"; null: nothing. */
export async function operationIn(gitDir: string): Promise<string | null> {
  const names = new Set(await readdir(gitDir));
  const found = operations.find(([file]) => names.has(file));
  return found === undefined ? null : `a ${found[1]} is in progress`;
}

/** The branch that a rebase or bisect in a worktree returns to at its end; null: none. HEAD does not name it meanwhile. */
export async function branchToReturnTo(gitDir: string): Promise<string | null> {
  for (const file of ['rebase-merge/head-name', 'rebase-apply/head-name', 'BISECT_START']) {
    try {
      const name = (await readFile(join(gitDir, file), 'utf8')).trim();
      return name.startsWith('refs/') ? name : `refs/heads/${name}`;
    } catch (error) {
      if (!isMissing(error)) throw error;
    }
  }
  return null;
}

/** The uncommitted changes of a checkout, in words; null: none. Untracked files do not count. */
export async function changesIn(repository: Repository): Promise<string | null> {
  const args = ['status', '--porcelain', '-z', '--no-renames', '--untracked-files=no'];
  const paths = await repository.names([...args, '--ignore-submodules=dirty']);
  const [first] = paths;
  if (first === undefined) return null;
  // `XY path`
  const others = paths.length === 1 ? '' : ` and ${paths.length - 1} more`;
  return `it has uncommitted changes: ${show(first.slice(3))}${others}`;
}
