import { copyFile, link, mkdir, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { writeFileAtomic } from '../files/disk/atomic.ts';
import { showPath } from '../files/disk/file-error.ts';
import type { ProcessIdentity } from '../process/tree/identity.ts';
import { type CheckedOut, planSteps, readCheckout, show } from './checkout-plan.ts';
import { changesIn, operationIn } from './checkout-state.ts';
import { ChangedFile, type FileStep, takeSteps, undoSteps } from './file-steps.ts';
import { rememberPlain } from './hidden-paths.ts';
import { type LockedMove, releaseIndex, sweepLocks, takeIndex, whoHoldsIndex } from './index-lock.ts';
import { moveRef, type RefMove } from './refs.ts';
import { ignoreMissing } from './worktree-places.ts';

/** Who moves: recorded in the lock, so that others know whether it still runs. */
export type Self = () => Promise<ProcessIdentity>;

export type CheckoutMoved =
  /** Busy: another MAOS is moving it. */
  | { readonly how: 'moved' | 'elsewhere' | 'busy' }
  /** Nothing was touched. */
  | { readonly how: 'blocked'; readonly reason: string };

/** What a move keeps in the worktree's git folder until it has ended: see {@link moveFolders}. */
interface Journal extends LockedMove {
  readonly steps: readonly FileStep[];
}

/**
 * Moves a branch with the files and the index of the checkout that it is checked out in.
 *
 * Problem: git writes files in place, one by one, so a kill leaves a checkout with files of both commits, or a part of
 * one, and nothing tells whose they are.
 * Solution: hold the lock of the index; let git write the new files and the new index aside; record what changes; put
 * the files in place by renames, keeping what they replace; last, move the ref. Until then, {@link recoverCheckout}
 * can undo everything. After it, nothing is left to do.
 */
export async function moveCheckout(
  checkout: CheckedOut,
  self: Self,
  move: RefMove & { readonly from: string },
): Promise<CheckoutMoved> {
  const { gitDir } = checkout;
  if (!(await takeIndex(gitDir, { ref: move.ref, from: move.from, to: move.to }, await self()))) {
    if ((await whoHoldsIndex(gitDir)).who !== 'another') return { how: 'busy' };
    return blocked(
      `its index is locked: another git command runs there, or a killed one left ${showPath(join(gitDir, 'index.lock'))}`,
    );
  }
  try {
    // Of a move whose lock the user has removed: the files are theirs since.
    const removing = rm(moveFolders(gitDir).folder, { recursive: true, force: true });
    const [reason] = await Promise.all([operationIn(gitDir), removing]);
    const result = reason === null ? await moveLocked(checkout, move) : blocked(reason);
    await endMove(gitDir);
    return result;
  } catch (error) {
    // A journal is left when undoing failed too: then it stays for the next MAOS, with the lock.
    if ((await readJournal(gitDir)) === null) await endMove(gitDir);
    throw error;
  }
}

async function moveLocked(
  checkout: CheckedOut,
  move: RefMove & { readonly from: string },
): Promise<CheckoutMoved> {
  const { folder, gitDir, repository } = checkout;
  const { from, to } = move;
  const folders = moveFolders(gitDir);
  const index = join(gitDir, 'index');
  // At once, because each costs the start of a process. None changes the checkout, and all are awaited, also when one fails.
  const looked = changesIn(repository);
  const read = readCheckout(checkout, from, to);
  const stage = stageFiles(checkout, from, to);
  await Promise.allSettled([looked, read, stage]);
  const reason = await looked;
  if (reason !== null) return blocked(reason);
  await stage;
  const facts = await read;
  const plan = await planSteps(checkout, folders, facts);
  if (plan.reason !== null) return blocked(plan.reason);
  const journal: Journal = { ref: move.ref, from, to, steps: plan.steps };
  await writeFileAtomic(folders.journal, JSON.stringify(journal));
  try {
    await takeSteps({ ...folders, checkout: folder }, plan.steps);
    await link(index, folders.keptIndex);
    await link(folders.index, folders.freshIndex);
    await rename(folders.index, index);
    const moving = moveRef(repository, move);
    // The files have new times and places now. An exit status other than 0 says that one has changed since.
    const refresh = ['update-index', '-q', '--refresh'];
    const refreshing = repository.run(refresh, { env: { GIT_INDEX_FILE: folders.freshIndex } });
    await Promise.allSettled([moving, refreshing]);
    if (await moving) {
      // Now nothing must be undone. Without it, the index is as right, and git is slower once.
      await rename(folders.freshIndex, index).catch(() => undefined);
      if (facts.hidden.size === 0) await rememberPlain(repository, gitDir);
      return { how: 'moved' };
    }
    await undoMove(checkout, journal);
    return { how: 'elsewhere' };
  } catch (error) {
    await undoMove(checkout, journal);
    if (error instanceof ChangedFile) return blocked(`${show(error.path)} is being changed`);
    throw error;
  }
}

/** Lets git write the new index, and the files that differ, into folders of the move. */
async function stageFiles({ repository, gitDir }: CheckedOut, from: string, to: string): Promise<void> {
  const { staged, kept, index } = moveFolders(gitDir);
  await mkdir(staged, { recursive: true });
  await Promise.all([mkdir(kept), copyFile(join(gitDir, 'index'), index)]);
  // Files that are missing count as unchanged, so git writes only those that differ.
  await repository.bytes(['read-tree', '-m', '-u', '--no-recurse-submodules', from, to], {
    env: { GIT_DIR: gitDir, GIT_WORK_TREE: staged, GIT_INDEX_FILE: index },
  });
}

/**
 * Ends what a killed MAOS has left of a move: undoes it, unless the ref has moved already.
 * @returns false while a MAOS that runs, or may run elsewhere, is moving the checkout
 */
export async function recoverCheckout(checkout: CheckedOut): Promise<boolean> {
  const { gitDir, repository } = checkout;
  const holder = await whoHoldsIndex(gitDir);
  if (holder.who === 'maos' && holder.isAlive) return false;
  await sweepLocks(gitDir);
  if (holder.who !== 'maos') return true;
  const journal = await readJournal(gitDir);
  const isMoved = (await repository.commit(holder.move.ref)) === holder.move.to;
  await removeRefLocks(checkout, holder.move);
  if (journal !== null && !isMoved) await undoMove(checkout, journal);
  await endMove(gitDir);
  return true;
}

async function readJournal(gitDir: string): Promise<Journal | null> {
  const content = await readFile(moveFolders(gitDir).journal, 'utf8').catch(ignoreMissing);
  return content === undefined ? null : (JSON.parse(content) as Journal);
}

async function undoMove({ folder, gitDir }: CheckedOut, { steps }: Journal): Promise<void> {
  const folders = moveFolders(gitDir);
  await undoSteps({ ...folders, checkout: folder }, steps);
  await rename(folders.keptIndex, join(gitDir, 'index')).catch(ignoreMissing);
  await rm(folders.journal, { force: true });
}

/** The locks of refs that a git killed with MAOS has left. What another has put into one is not touched. */
async function removeRefLocks({ gitDir, repository }: CheckedOut, { ref, to }: LockedMove): Promise<void> {
  for (const path of [join(gitDir, 'HEAD.lock'), join(await repository.commonFolder(), `${ref}.lock`)]) {
    const content = await readFile(path, 'utf8').catch(ignoreMissing);
    if (content?.trim() === '' || content?.trim() === to) await rm(path, { force: true });
  }
}

/** The lock goes last: it tells whose the rest is. */
async function endMove(gitDir: string): Promise<void> {
  await rm(moveFolders(gitDir).folder, { recursive: true, force: true });
  await releaseIndex(gitDir);
}

function moveFolders(gitDir: string) {
  const folder = join(gitDir, 'maos-move');
  return {
    folder,
    staged: join(folder, 'new'),
    kept: join(folder, 'old'),
    index: join(folder, 'index'),
    freshIndex: join(folder, 'fresh-index'),
    keptIndex: join(folder, 'old-index'),
    journal: join(folder, 'journal.json'),
  };
}

function blocked(reason: string): CheckoutMoved {
  return { how: 'blocked', reason };
}
