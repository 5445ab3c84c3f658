import { lstat, readdir, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Checkout, WorktreePlace } from '../../application/ports/workspaces.ts';
import type { WorktreeSetup } from '../../domain/worktree.ts';
import { ensureFolder } from '../files/disk/folders.ts';
import { freePorts } from './free-ports.ts';
import { openRepository } from './repository.ts';
import type { Git } from './run-git.ts';
import { endOldSetup } from './run-setup.ts';
import { exists, ignoreMissing, removeFolder } from './worktree-places.ts';
import { stateFile, writeState } from './worktree-state.ts';
import { makeWorktree, type WorktreeDeps } from './worktrees.ts';

/** See {@link Workspaces.checkOut}. Made anew whatever is there, because an agent could have prepared it. */
export async function checkOut(
  deps: WorktreeDeps,
  place: WorktreePlace,
  commit: string,
  check: number,
  setup: WorktreeSetup | null,
  protect: readonly string[] = [],
  signal?: AbortSignal,
): Promise<Checkout> {
  const folder = deps.layout.checkTree(place.sessionId, place.agentId, check);
  await ensureFolder(dirname(folder));
  const ports = await freePorts(setup?.ports ?? 0);
  const contents = { setup, ports, signal };
  await writeState(folder, await makeWorktree(deps, place, folder, { commit, protect }, contents));
  return { folder, ports };
}

/** See {@link Workspaces.discardCheckouts}. */
export async function discardCheckouts({ git, layout }: WorktreeDeps, place: WorktreePlace): Promise<void> {
  const { sessionId, agentId } = place;
  const checks = layout.checks(sessionId, agentId);
  const names = await checksIn(checks);
  if (names.length === 0) return;
  // A killed git can have left its folder in the repository without the checkout.
  const common = await commonFolderOf(git, place.repository);
  for (const name of names) {
    const folder = join(checks, name, 'tree');
    await endOldSetup(`${folder}.setup`);
    await removeFolder(folder, common);
    // Last: an interrupted removal goes on while the file is there.
    await rm(stateFile(folder), { force: true });
  }
}

/** Agents can put files there, and links, which could lead anywhere. */
async function checksIn(folder: string): Promise<readonly string[]> {
  if (!(await lstat(folder).catch(ignoreMissing))?.isDirectory()) return [];
  const entries = await readdir(folder, { withFileTypes: true });
  return entries.flatMap((entry) => (entry.isDirectory() && /^\d+$/.test(entry.name) ? [entry.name] : []));
}

/** Null if the user has removed the repository: then only MAOS's own folders are left. */
async function commonFolderOf(git: Git, folder: string): Promise<string | null> {
  return (await exists(folder)) ? (await openRepository(git, folder)).commonFolder() : null;
}
