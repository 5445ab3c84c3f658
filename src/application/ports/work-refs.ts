import type { SessionId } from '../../domain/ids.ts';

/** A branch `maos/SESSION/…` or a ref below `refs/maos/SESSION/`, which keep the work of a session's agents. */
export interface WorkRef {
  /** Full name: `refs/heads/maos/…` or `refs/maos/…`. */
  readonly name: string;
  readonly sessionId: SessionId;
  /** Full id of the commit that it points to. */
  readonly commit: string;
  /** ISO 8601; as the commit says, and an agent may have made it. */
  readonly committedAt: string;
  /** In the history of a branch that is not MAOS's. */
  readonly isLanded: boolean;
  /** The folder in which the branch is checked out, or is being rebased or bisected; null: none. */
  readonly checkedOutIn: string | null;
}

/** A worktree that the repository lists and whose folder is in the home of MAOS. */
export interface ListedWorktree {
  readonly folder: string;
  readonly sessionId: SessionId;
  readonly exists: boolean;
}

/**
 * What remains of sessions in a git repository. Every method is safe to repeat after it was interrupted at any instant,
 * and none touches what is not MAOS's. All of them find nothing where there is no repository.
 *
 * Errors: as those of Workspaces.
 */
export interface WorkRefs {
  /** Whether the folder is the top of a repository. Does not run git. */
  isRepository(folder: string): Promise<boolean>;
  /** All of them, of every MAOS that used the repository, sorted by name. */
  listRefs(repository: string): Promise<readonly WorkRef[]>;
  /**
   * Deletes refs that still point to the given commits and are not checked out.
   * @returns the names of the others
   */
  deleteRefs(
    repository: string,
    refs: readonly Pick<WorkRef, 'name' | 'commit'>[],
  ): Promise<readonly string[]>;
  listWorktrees(repository: string): Promise<readonly ListedWorktree[]>;
  /**
   * Makes the repository forget worktrees and checkouts of MAOS whose folders are gone, after keeping what only they
   * pointed to. Never others. Nor do worktrees of MAOS that a killed git has half made break git any more.
   */
  forgetGone(repository: string): Promise<void>;
  /** The version of the user's git: "2.43.0". @throws MaosError INVALID_INPUT if git is missing or too old */
  gitVersion(): Promise<string>;
}
