import { rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { CommitText, WorktreePlace } from '../../application/ports/workspaces.ts';
import { explained } from '../../application/system-error.ts';
import { quote } from '../../domain/errors.ts';
import { openRepository } from './repository.ts';
import { endOldSetup } from './run-setup.ts';
import { snapshot } from './snapshot.ts';
import { exists, removeFolder, worktreeFolder } from './worktree-places.ts';
import { readState, stateFile } from './worktree-state.ts';
import type { WorktreeDeps } from './worktrees.ts';

const mostNamed = 3;

/** See {@link Workspaces.remove}. */
export async function remove(
  deps: WorktreeDeps,
  place: WorktreePlace,
  base: string,
  keptRef: string,
  text: CommitText,
): Promise<string | null> {
  const folder = worktreeFolder(deps.layout, place);
  const state = await readState(folder);
  await endOldSetup(`${folder}.setup`);
  try {
    const kept = await snapshot(deps, place, base, keptRef, text);
    if (kept !== null && kept.unkept.length > 0) return whyLeft(kept.unkept);
    const common =
      state !== null
        ? dirname(dirname(state.gitDir))
        : (await exists(folder))
          ? await (await openRepository(deps.git, place.repository)).commonFolder()
          : null;
    await removeFolder(folder, common);
  } catch (error) {
    const explanation = explained(error);
    if (explanation === null) throw error;
    return explanation.message;
  }
  for (const name of ['index', 'setup.log']) await rm(`${folder}.${name}`, { force: true });
  // Last: an interrupted removal goes on while the file is there.
  await rm(stateFile(folder), { force: true });
  return null;
}

function whyLeft(unkept: readonly string[]): string {
  const named = unkept.slice(0, mostNamed).map(quote).join(', ');
  const more = unkept.length > mostNamed ? ` and ${unkept.length - mostNamed} more` : '';
  return `No commit can hold ${named}${more}: repositories inside it, or files that cannot be read. Move them elsewhere or delete them.`;
}
