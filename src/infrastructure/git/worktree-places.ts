import { randomBytes } from 'node:crypto';
import { lstat, readdir, readFile, realpath, rename, rm, rmdir, writeFile } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import type { WorktreePlace } from '../../application/ports/workspaces.ts';
import { isMissing } from '../files/disk/file-error.ts';
import { removeTree } from '../files/disk/remove-tree.ts';
import type { SessionLayout } from '../files/home/layout.ts';

/** The worktree of a place. */
export function worktreeFolder(layout: SessionLayout, { sessionId, agentId }: WorktreePlace): string {
  return layout.worktree(sessionId, agentId);
}

/**
 * Names a worktree's repository by variables. Neither the `.git` file in the worktree nor `core.worktree` decides where
 * git acts, because an agent can write both.
 */
export function worktreeEnvironment(gitDir: string, folder: string): Record<string, string> {
  return { GIT_DIR: gitDir, GIT_WORK_TREE: folder };
}

/** The folders in the repository that belong to a worktree: one, or none; more after interruptions. */
export async function gitDirsOf(commonFolder: string, folder: string): Promise<string[]> {
  const all = join(commonFolder, 'worktrees');
  const found: string[] = [];
  for (const name of (await readdir(all).catch(ignoreMissing)) ?? []) {
    if (await isGitDirOf(join(all, name), folder)) found.push(join(all, name));
  }
  return found;
}

/** git gives the name of a removed worktree to the next one, so only what it records in the folder counts. */
export async function isGitDirOf(gitDir: string, folder: string): Promise<boolean> {
  const target = (await readFile(join(gitDir, 'gitdir'), 'utf8').catch(ignoreMissing))?.trim();
  if (target === undefined) return false;
  // git records the path without links.
  const wanted = join(await realpath(dirname(folder)), basename(folder), '.git');
  return resolve(gitDir, target) === wanted;
}

/** Removes a worktree's folder in the repository. Interrupted at any instant, {@link gitDirsOf} still finds it. */
export async function removeGitDir(gitDir: string): Promise<void> {
  const names = (await readdir(gitDir).catch(ignoreMissing)) ?? [];
  for (const name of names) {
    if (name !== 'gitdir') await rm(join(gitDir, name), { recursive: true, force: true });
  }
  await rm(join(gitDir, 'gitdir'), { force: true });
  await rmdir(gitDir).catch(ignoreMissing);
  // git does the same; it fails while there are others.
  await rmdir(dirname(gitDir)).catch(() => undefined);
}

const finishedMark = 'in use by MAOS, which removes it with its session\n';

/**
 * git's own mark: neither `git worktree prune` nor `remove` of the user takes it.
 * @param isFinished whether an agent may have worked in it
 */
export async function lockWorktree(gitDir: string, isFinished: boolean): Promise<void> {
  await writeFile(join(gitDir, 'locked'), isFinished ? finishedMark : 'being made by MAOS\n');
}

export async function isFinished(gitDir: string): Promise<boolean> {
  return (await readFile(join(gitDir, 'locked'), 'utf8').catch(ignoreMissing)) === finishedMark;
}

/**
 * Removes a worktree, from the repository too. It is moved aside in one step, so that a half-removed one is never taken
 * for the agent's work. What a killed removal has left aside goes with it.
 * @param common the folder that all worktrees of the repository share; null: it is gone
 */
export async function removeFolder(folder: string, common: string | null): Promise<void> {
  const aside = `${folder}.removed`;
  // Not by process ID: the next maos may have the same one, always so in a container.
  const newName = (): string => `${aside}.${randomBytes(6).toString('hex')}`;
  await rename(folder, newName()).catch(ignoreMissing);
  for (const gitDir of common === null ? [] : await gitDirsOf(common, folder)) await removeGitDir(gitDir);
  const parent = dirname(folder);
  for (const name of (await readdir(parent).catch(ignoreMissing)) ?? []) {
    const path = join(parent, name);
    if (path === aside || path.startsWith(`${aside}.`)) await removeTree(path, newName);
  }
}

export async function exists(path: string | Buffer): Promise<boolean> {
  return (await lstat(path).catch(ignoreMissing)) !== undefined;
}

export function ignoreMissing(error: unknown): undefined {
  if (!isMissing(error)) throw error;
}

/** The lock of a ref that only MAOS writes while no agent works on it, left by a git that was killed. */
export async function removeRefLock(common: string, ref: string): Promise<void> {
  await rm(join(common, `${ref}.lock`), { force: true });
}
