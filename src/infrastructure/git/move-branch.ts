import { realpath } from 'node:fs/promises';
import { sep } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { Moved } from '../../application/ports/workspaces.ts';
import { showPath } from '../files/disk/file-error.ts';
import type { Serial } from '../files/disk/serial.ts';
import type { CheckedOut } from './checkout-plan.ts';
import { branchToReturnTo, linkedWorktrees, listWorktrees } from './checkout-state.ts';
import { moveCheckout, recoverCheckout, type Self } from './move-checkout.ts';
import { moveRef, type RefMove, realRef, resolveRef } from './refs.ts';
import { openRepository, type Repository } from './repository.ts';
import type { Git } from './run-git.ts';
import { exists, ignoreMissing } from './worktree-places.ts';

export interface MoveDeps {
  readonly git: Git;
  readonly self: Self;
  /** The folder of the project in MAOS_HOME: worktrees below are those of agents, which no branch waits for. */
  readonly project: string;
  /** One move of a branch at a time. */
  readonly moves: Serial<string>;
}

/** Another MAOS needs this long to move a checkout; longer, and the branch counts as busy. */
const patienceMs = 10_000;
const lookAgainMs = 50;

/** See {@link Workspaces.moveBranch}. */
export async function moveBranch(
  deps: MoveDeps,
  folder: string,
  branch: string,
  from: string | null,
  to: string,
): Promise<Moved> {
  const repository = await openRepository(deps.git, folder);
  const [ref, common] = await Promise.all([
    realRef(repository, `refs/heads/${branch}`),
    repository.commonFolder(),
  ]);
  const move: RefMove = { ref, from, to, message: `maos land: ${from === null ? 'created' : 'moved'}` };
  return deps.moves.run(`${common}\0${ref}`, async () => {
    const end = performance.now() + patienceMs;
    for (;;) {
      const moved = await tryMove(deps, repository, move);
      if (moved.how !== 'busy') return moved;
      if (performance.now() > end) {
        return { how: 'checked_out', folder: moved.folder, reason: 'another maos process is moving it' };
      }
      await pause(lookAgainMs);
    }
  });
}

type Tried = Moved | { readonly how: 'busy'; readonly folder: string };

async function tryMove(deps: MoveDeps, repository: Repository, move: RefMove): Promise<Tried> {
  const { ref, from, to } = move;
  const { checkouts, reserved } = await usersOf(deps, repository, ref);
  for (const checkout of checkouts) {
    if (!(await recoverCheckout(checkout))) return { how: 'busy', folder: checkout.folder };
  }
  const now = await resolveRef(repository, ref);
  if (now === to) return { how: 'moved' };
  if (now !== from) return { how: 'elsewhere', commit: now };
  if (reserved !== null) return { how: 'checked_out', ...reserved };
  const [checkout, second] = checkouts;
  if (checkout === undefined) {
    if (await moveRef(repository, move)) return { how: 'moved' };
    return { how: 'elsewhere', commit: await resolveRef(repository, ref) };
  }
  const { folder } = checkout;
  if (second !== undefined) {
    return { how: 'checked_out', folder, reason: `it is checked out in ${showPath(second.folder)} too` };
  }
  if (from === null) return { how: 'checked_out', folder, reason: 'it has no commit yet' };
  const result = await moveCheckout(checkout, deps.self, { ...move, from });
  if (result.how === 'blocked') return { how: 'checked_out', folder, reason: result.reason };
  if (result.how === 'elsewhere') return { how: 'elsewhere', commit: await resolveRef(repository, ref) };
  return result.how === 'busy' ? { how: 'busy', folder } : { how: 'moved' };
}

interface Users {
  /** Where the branch is checked out. */
  readonly checkouts: readonly CheckedOut[];
  /** Where the branch is in use otherwise. */
  readonly reserved: { readonly folder: string; readonly reason: string } | null;
}

async function usersOf(deps: MoveDeps, repository: Repository, ref: string): Promise<Users> {
  const project = await realpath(deps.project).catch(ignoreMissing);
  const isOwn = (folder: string): boolean => folder.startsWith(`${project ?? deps.project}${sep}`);
  const linked = await linkedWorktrees(repository, isOwn);
  const gitDirs = [await repository.commonFolder(), ...linked.map(({ gitDir }) => gitDir)];
  const [worktrees, ...returned] = await Promise.all([
    listWorktrees(repository, linked),
    ...gitDirs.map(branchToReturnTo),
  ]);
  // Which worktree a folder in the repository is of, only git knows, so look at all only where a rebase may be.
  const isReturnedTo = returned.includes(ref);
  const listed = worktrees.filter(({ folder }) => !isOwn(folder));
  const checkouts: CheckedOut[] = [];
  let reserved: Users['reserved'] = null;
  for (const { folder, ref: current, isLocked } of listed) {
    if (current !== ref && !isReturnedTo) continue;
    if (!(await exists(folder))) {
      if (current === ref && isLocked)
        reserved = { folder, reason: 'the folder is not there, and its worktree is locked' };
      continue;
    }
    const opened = await openRepository(deps.git, folder);
    const gitDir = await opened.gitDir();
    if (current === ref) checkouts.push({ folder, gitDir, repository: opened });
    else if ((await branchToReturnTo(gitDir)) === ref) {
      reserved = { folder, reason: 'a rebase or bisect of it is in progress' };
    }
  }
  return { checkouts, reserved };
}
