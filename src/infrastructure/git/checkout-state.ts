import { readdir, readFile } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { isMissing } from '../files/disk/file-error.ts';
import { show } from './checkout-plan.ts';
import { hasRefFiles, readRefFile, realRef } from './refs.ts';
import type { Repository } from './repository.ts';
import { exists, ignoreMissing } from './worktree-places.ts';

/** A worktree of a repository, as git lists it. */
export interface ListedWorktree {
  readonly folder: string;
  /** Full name; null: none, or the worktree is bare. */
  readonly ref: string | null;
  readonly isLocked: boolean;
}

/** What the repository has of a worktree besides its main one. */
export interface LinkedWorktree {
  readonly gitDir: string;
  /** Null if it is not plain where it is. */
  readonly folder: string | null;
}

/** What the repository has of worktrees in other folders than those to skip. */
export async function linkedWorktrees(
  repository: Repository,
  skips: (folder: string) => boolean,
): Promise<readonly LinkedWorktree[]> {
  const all = join(await repository.commonFolder(), 'worktrees');
  const names = (await readdir(all).catch(ignoreMissing)) ?? [];
  const linked = await Promise.all(names.map((name) => readLink(join(all, name))));
  return linked.filter((one) => one !== null).filter(({ folder }) => folder === null || !skips(folder));
}

/** Null if git does not list it. */
async function readLink(gitDir: string): Promise<LinkedWorktree | null> {
  const target = (await readFile(join(gitDir, 'gitdir'), 'utf8').catch(ignoreMissing))?.trim();
  if (!target) return null;
  const link = resolve(gitDir, target);
  return { gitDir, folder: basename(link) === '.git' ? dirname(link) : null };
}

/** The repository's main worktree, and those of `linked`; perhaps more. */
export async function listWorktrees(
  repository: Repository,
  linked: readonly LinkedWorktree[],
): Promise<readonly ListedWorktree[]> {
  return (await readWorktrees(repository, linked)) ?? askForWorktrees(repository);
}

async function askForWorktrees(repository: Repository): Promise<readonly ListedWorktree[]> {
  const text = await repository.text(['worktree', 'list', '--porcelain']);
  return text.split(/\n\n+(?=worktree )/).flatMap((entry) => {
    const folder = /^worktree (.+)$/m.exec(entry)?.[1];
    if (folder === undefined || /^bare$/m.test(entry)) return [];
    const ref = /^branch (.+)$/m.exec(entry)?.[1] ?? null;
    return [{ folder, ref, isLocked: /^locked\b/m.test(entry) }];
  });
}

/** The same from git's files; null where they do not tell it plainly. */
async function readWorktrees(
  repository: Repository,
  linked: readonly LinkedWorktree[],
): Promise<readonly ListedWorktree[] | null> {
  const { config } = repository;
  const special = ['core.worktree', 'core.bare', 'extensions.worktreeconfig', 'extensions.refstorage'];
  if (special.some((key) => ![null, 'false'].includes(config.value(key)))) return null;
  const common = await repository.commonFolder();
  if (basename(common) !== '.git' || !(await hasRefFiles(common))) return null;
  const main = { gitDir: common, folder: dirname(common) };
  const listed = await Promise.all(
    [main, ...linked].map(({ gitDir, folder }) =>
      folder === null ? null : readWorktree(repository, gitDir, folder),
    ),
  );
  return listed.includes(null) ? null : listed.filter((one) => one !== null);
}

async function readWorktree(
  repository: Repository,
  gitDir: string,
  folder: string,
): Promise<ListedWorktree | null> {
  const head = await readRefFile(join(gitDir, 'HEAD'));
  const [, ref = null] = /^ref: (refs\/[^\n]+)\n$/.exec(head ?? '') ?? [];
  if (ref === null && !/^[0-9a-f]{40,64}\n$/.test(head ?? '')) return null;
  const real = ref === null ? null : await realRef(repository, ref);
  return { folder, ref: real, isLocked: await exists(join(gitDir, 'locked')) };
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
