import { constants } from 'node:fs';
import { access, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { MaosError, showPath } from '../../domain/errors.ts';
import type { RepositoryStart } from '../../domain/worktree.ts';
import { systemCode } from '../files/disk/file-error.ts';
import { gitError } from './git-error.ts';
import { mendHalfMade } from './listed-worktrees.ts';
import { openRepository, type Repository } from './repository.ts';
import type { Git } from './run-git.ts';

type Begun = RepositoryStart & { readonly remarks: readonly string[] };

/** Where a session's worktrees begin. @throws MaosError INVALID_INPUT when the repository or git cannot do it */
export async function begin(git: Git, folder: string): Promise<Begun> {
  const repository = await openRepository(git, folder);
  const args = ['rev-parse', '--is-inside-work-tree', '--git-common-dir'];
  const looked = await repository.run(args);
  if (looked.status !== 0) throw gitError(args, looked, folder);
  const isCheckout = looked.stdout.toString().startsWith('true\n');
  const [commit, branch] = [await repository.commit('HEAD'), await currentBranch(repository)];
  if (commit === null) {
    throw new MaosError(
      'INVALID_INPUT',
      `The repository of ${showPath(folder)} has no commit yet, so worktrees have nothing to begin from. Commit first, for example: git commit --allow-empty -m "Begin"`,
      { details: { folder } },
    );
  }
  await assertBranchesFit(repository, folder);
  const common = await repository.commonFolder();
  await assertWritable(common, folder);
  await mendHalfMade(common);
  const remarks = [
    ...(isCheckout ? await uncommitted(repository) : []),
    ...(isCheckout ? await underWay(repository) : []),
    ...(await ofFiles(repository)),
  ];
  return { commit, branch, remarks };
}

async function currentBranch(repository: Repository): Promise<string | null> {
  const { status, stdout } = await repository.run(['symbolic-ref', '--quiet', 'HEAD']);
  const [, branch = null] = (status === 0 && /^refs\/heads\/(.+)\n$/.exec(stdout.toString())) || [];
  return branch;
}

/** A branch `maos` would be a file where the folder of MAOS's branches has to be. */
async function assertBranchesFit(repository: Repository, folder: string): Promise<void> {
  const { status } = await repository.run(['show-ref', '--verify', '--quiet', 'refs/heads/maos']);
  if (status !== 0) return;
  throw new MaosError(
    'INVALID_INPUT',
    `The repository of ${showPath(folder)} has a branch "maos", so the branches "maos/…" of agents cannot be created. Rename it: git branch -m maos NEW_NAME`,
    { details: { folder, branch: 'maos' } },
  );
}

async function assertWritable(common: string, folder: string): Promise<void> {
  for (const place of [common, join(common, 'objects'), join(common, 'refs')]) {
    try {
      await access(place, constants.W_OK | constants.X_OK);
    } catch (error) {
      throw new MaosError(
        'INVALID_INPUT',
        `The repository of ${showPath(folder)} cannot be written (${systemCode(error) ?? 'no access'} in ${showPath(place)}), and agents in worktrees commit to it. Change the owner or mode of the folder, or work in a clone.`,
        { details: { folder, place }, cause: error },
      );
    }
  }
}

async function uncommitted(repository: Repository): Promise<string[]> {
  const status = await repository.text([
    ...['status', '--porcelain', '-z', '--no-renames', '--untracked-files=normal'],
    '--ignore-submodules=dirty',
  ]);
  const count = status.split('\0').length - 1;
  if (count === 0) return [];
  const files = count === 1 ? '1 file has' : `${count} files have`;
  return [
    `${files} uncommitted changes, which the agents do not see: their worktrees begin from the commit.`,
  ];
}

const operations: readonly (readonly [file: string, name: string])[] = [
  ['rebase-merge', 'rebase'],
  ['rebase-apply', 'rebase'],
  ['MERGE_HEAD', 'merge'],
  ['CHERRY_PICK_HEAD', 'cherry-pick'],
  ['REVERT_HEAD', 'revert'],
];

async function underWay(repository: Repository): Promise<string[]> {
  const folder = await repository.gitDir();
  for (const [file, name] of operations) {
    if (!(await exists(join(folder, file)))) continue;
    return [
      `A ${name} is in progress in this checkout. The agents begin from the commit that is checked out now.`,
    ];
  }
  return [];
}

/** What worktrees lack that the checkout may have. */
async function ofFiles(repository: Repository): Promise<string[]> {
  const remarks: string[] = [];
  const { stdout } = await repository.run(['cat-file', '--batch-check'], { input: 'HEAD:.gitmodules\n' });
  if (!stdout.toString().endsWith(' missing\n')) {
    remarks.push(
      'The folders of submodules are empty in worktrees, as git leaves them. A `setup` can fill them.',
    );
  }
  const filters = repository.config.ownFilters;
  if (filters.length > 0) {
    const names = filters.map((name) => JSON.stringify(name)).join(', ');
    remarks.push(
      `Only the configuration of this repository defines the filter ${names}, and MAOS runs no program that a repository names. Files with that filter arrive as they are stored. To have it run, define it in your own configuration (git config --global).`,
    );
  }
  return remarks;
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}
