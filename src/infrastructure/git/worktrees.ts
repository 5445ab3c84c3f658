import { rm } from 'node:fs/promises';
import type { Checkout, MergeConflict, WorktreePlace } from '../../application/ports/workspaces.ts';
import { MaosError } from '../../domain/errors.ts';
import type { WorktreeSetup } from '../../domain/worktree.ts';
import type { SessionLayout } from '../files/home/layout.ts';
import { freePorts } from './free-ports.ts';
import { openRepository, type Repository } from './repository.ts';
import type { Git } from './run-git.ts';
import {
  exists,
  gitDirsOf,
  lockWorktree,
  removeFolder,
  removeGitDir,
  removeRefLock,
  worktreeEnvironment,
  worktreeFolder,
} from './worktree-places.ts';
import { readState, stateFile, writeState } from './worktree-state.ts';

export interface WorktreeDeps {
  readonly git: Git;
  readonly layout: SessionLayout;
}

/** See {@link Workspaces.open}. */
export async function open(
  { git, layout }: WorktreeDeps,
  place: WorktreePlace,
  base: string,
  setup: WorktreeSetup | null,
  conflict?: MergeConflict,
): Promise<Checkout> {
  const folder = worktreeFolder(layout, place);
  const state = await readState(folder);
  const ports = await freePorts(setup?.ports ?? 0);
  if (state === null || !(await exists(folder))) {
    const gitDir = await makeWorktree(git, place, folder, base);
    await writeState(folder, { gitDir, brought: [], merge: null });
  }
  if (conflict !== undefined) throw new MaosError('INTERNAL', 'A merge cannot be begun yet.');
  return { folder, ports };
}

/** Creates the worktree with its files, after removing what an interrupted attempt has left. @returns its git folder */
async function makeWorktree(git: Git, place: WorktreePlace, folder: string, base: string): Promise<string> {
  const { branch } = place;
  const repository = await openRepository(git, place.repository);
  const common = await repository.commonFolder();
  await rm(stateFile(folder), { force: true });
  await removeFolder(folder);
  for (const stale of await gitDirsOf(common, folder)) await removeGitDir(stale);
  await removeRefLock(common, `refs/heads/${branch}`);
  // Without files at first: what the configuration says in the new worktree must be read before git writes them.
  await repository.text([
    ...['worktree', 'add', '--no-checkout'],
    ...((await repository.commit(`refs/heads/${branch}`)) === null
      ? ['-b', branch, folder, base]
      : ['--force', folder, branch]),
  ]);
  const [gitDir] = await gitDirsOf(common, folder);
  if (gitDir === undefined) throw new MaosError('INTERNAL', `git has made no worktree in ${folder}.`);
  await lockWorktree(gitDir);
  const worktree = await openWorktree(git, gitDir, folder);
  await worktree.text(['reset', '--hard', '--quiet']);
  return gitDir;
}

/** The repository as seen from a worktree. */
export function openWorktree(git: Git, gitDir: string, folder: string): Promise<Repository> {
  return openRepository(git, folder, worktreeEnvironment(gitDir, folder));
}
