import { readFile } from 'node:fs/promises';
import { writeFileAtomic } from '../files/disk/atomic.ts';
import { fileError, isMissing } from '../files/disk/file-error.ts';

/** What MAOS knows of a finished worktree, in a file beside it. */
export interface WorktreeState {
  /** The worktree's own folder in the repository, such as `.git/worktrees/worktree3`. */
  readonly gitDir: string;
  /** What `setup` has brought and no commit is to hold, relative to the worktree. */
  readonly brought: readonly string[];
  /** The merge that it was last begun with. */
  readonly merge: { readonly ours: string; readonly theirs: string; readonly isBegun: boolean } | null;
}

export function stateFile(worktree: string): string {
  return `${worktree}.json`;
}

/** Null if the file is missing or damaged; see `findState`. */
export async function readState(worktree: string): Promise<WorktreeState | null> {
  const path = stateFile(worktree);
  try {
    return JSON.parse(await readFile(path, 'utf8')) as WorktreeState;
  } catch (error) {
    if (isMissing(error) || error instanceof SyntaxError) return null;
    throw fileError(error, 'read', path);
  }
}

export async function writeState(worktree: string, state: WorktreeState): Promise<void> {
  await writeFileAtomic(stateFile(worktree), `${JSON.stringify(state)}\n`);
}
