import { readFile, realpath, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Checkout, MergeConflict, WorktreePlace } from '../../application/ports/workspaces.ts';
import type { WorktreeSetup } from '../../domain/worktree.ts';
import { ensureFolder } from '../files/disk/folders.ts';
import type { SessionLayout } from '../files/home/layout.ts';
import { addWorktree, type WorktreeHead } from './add-worktree.ts';
import { beginMerge } from './begin-merge.ts';
import { writeCheckedFiles } from './checked-files.ts';
import { findState } from './found-state.ts';
import { freePorts } from './free-ports.ts';
import { openRepository, type Repository } from './repository.ts';
import type { Git } from './run-git.ts';
import { endOldSetup } from './run-setup.ts';
import { notIgnored, setUp } from './setup.ts';
import {
  gitDirsOf,
  isGitDirOf,
  lockWorktree,
  removeFolder,
  removeGitDir,
  worktreeEnvironment,
  worktreeFolder,
} from './worktree-places.ts';
import { readState, stateFile, type WorktreeState, writeState } from './worktree-state.ts';

export interface WorktreeDeps {
  readonly git: Git;
  readonly layout: SessionLayout;
  /** What a set-up command inherits. */
  readonly environment: Readonly<Record<string, string | undefined>>;
}

/** See {@link Workspaces.open}. */
export async function open(
  deps: WorktreeDeps,
  place: WorktreePlace,
  base: string,
  setup: WorktreeSetup | null,
  conflict?: MergeConflict,
  signal?: AbortSignal,
  bring?: WorktreeContents['bring'],
): Promise<Checkout> {
  const folder = worktreeFolder(deps.layout, place);
  const ports = await freePorts(setup?.ports ?? 0);
  const found = await findState(deps.git, place, folder);
  const state =
    found === null
      ? await makeWorktree(
          deps,
          place,
          folder,
          { branch: place.branch, base },
          { setup, ports, signal, bring },
        )
      : await repaired(deps.git, place, folder, base, found);
  if (state !== found) await writeState(folder, state);
  await lockWorktree(state.gitDir, true);
  if (conflict !== undefined) {
    await beginMerge(await openWorktree(deps.git, state.gitDir, folder), folder, state, conflict);
  }
  return { folder, ports };
}

/** What a worktree gets besides the files of its commit. */
interface WorktreeContents {
  readonly setup: WorktreeSetup | null;
  readonly ports: readonly number[];
  readonly signal: AbortSignal | undefined;
  /** See `SetupTarget`. */
  readonly bring?: ((folder: string) => Promise<string[]>) | undefined;
}

/**
 * Creates the worktree with all that belongs in it. What an interrupted attempt has left is removed first.
 * @throws the signal's reason, when nothing is left of it
 */
export async function makeWorktree(
  deps: WorktreeDeps,
  place: WorktreePlace,
  folder: string,
  head: WorktreeHead,
  contents: WorktreeContents,
): Promise<WorktreeState> {
  try {
    return await tryToMake(deps, place, folder, head, contents);
  } catch (error) {
    // With a state, another maos has finished it.
    if (contents.signal?.aborted && (await readState(folder)) === null) {
      const repository = await openRepository(deps.git, place.repository);
      await removeFolder(folder, await repository.commonFolder());
    }
    throw error;
  }
}

async function tryToMake(
  { git, layout, environment }: WorktreeDeps,
  place: WorktreePlace,
  folder: string,
  head: WorktreeHead,
  { setup, ports, signal, bring }: WorktreeContents,
): Promise<WorktreeState> {
  const record = `${folder}.setup`;
  await ensureFolder(dirname(folder));
  await endOldSetup(record);
  const repository = await openRepository(git, place.repository);
  const common = await repository.commonFolder();
  await rm(stateFile(folder), { force: true });
  await removeFolder(folder, common);
  signal?.throwIfAborted();
  const gitDir = await addWorktree(repository, common, folder, head);
  const worktree = await openWorktree(git, gitDir, folder);
  if ('commit' in head) {
    const scratch = join(layout.project, 'git');
    await writeCheckedFiles({ git, scratch, gitDir, folder, ...head, signal });
  } else {
    await worktree.succeed(['reset', '--hard', '--quiet'], { signal });
  }
  const brought = await setUp(repository, setup, { folder, ports, record, environment, signal, bring });
  return { gitDir, brought: await notIgnored(worktree, brought), merge: null };
}

/** Makes files a worktree again whose folder in the repository, or `.git` file, an agent has removed or changed. */
async function repaired(
  git: Git,
  place: WorktreePlace,
  folder: string,
  base: string,
  state: WorktreeState,
): Promise<WorktreeState> {
  const link = join(folder, '.git');
  if (await isGitDirOf(state.gitDir, folder)) {
    const written = await readFile(link, 'utf8').catch(() => '');
    if (written !== linkTo(state.gitDir)) await relink(link, state.gitDir);
    return state;
  }
  const repository = await openRepository(git, place.repository);
  const common = await repository.commonFolder();
  const [left] = await gitDirsOf(common, folder);
  const gitDir = left ?? (await regained(repository, common, folder, { branch: place.branch, base }));
  await relink(link, gitDir);
  await (await openWorktree(git, gitDir, folder)).succeed(['reset', '--mixed', '--quiet']);
  return { ...state, gitDir };
}

/** A folder in the repository for files that are there already: made with an empty worktree, then given to them. */
async function regained(
  repository: Repository,
  common: string,
  folder: string,
  head: WorktreeHead,
): Promise<string> {
  const stand = `${folder}.new`;
  await rm(stand, { recursive: true, force: true });
  for (const stale of await gitDirsOf(common, stand)) await removeGitDir(stale);
  const gitDir = await addWorktree(repository, common, stand, head);
  await rm(stand, { recursive: true });
  await writeFile(join(gitDir, 'gitdir'), `${join(await realpath(folder), '.git')}\n`);
  return gitDir;
}

async function relink(link: string, gitDir: string): Promise<void> {
  await rm(link, { recursive: true, force: true });
  await writeFile(link, linkTo(gitDir));
}

function linkTo(gitDir: string): string {
  return `gitdir: ${gitDir}\n`;
}

/** The repository as seen from a worktree. */
export function openWorktree(git: Git, gitDir: string, folder: string): Promise<Repository> {
  return openRepository(git, folder, worktreeEnvironment(gitDir, folder));
}
