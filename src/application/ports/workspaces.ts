import type { AgentId, SessionId } from '../../domain/ids.ts';
import type { DiffStat, RepositoryStart, WorktreeSetup } from '../../domain/worktree.ts';

/** A worktree of an agent, and the names of what belongs to it. */
export interface WorktreePlace {
  /** The folder that the session was started in: any folder of the user's repository. */
  readonly repository: string;
  /** The agent whose folder contains the worktree. */
  readonly sessionId: SessionId;
  readonly agentId: AgentId;
  /** Without `refs/heads/`. */
  readonly branch: string;
}

/** The result of joining several commits. */
export type Joined =
  /** Full id of the joint commit; of several equal commits, the one given first. */
  | { readonly how: 'clean'; readonly commit: string }
  | { readonly how: 'conflict'; readonly conflict: MergeConflict };

export interface MergeConflict {
  readonly ours: string;
  readonly theirs: string;
  /** Conflicting paths, as git prints them without quotes. */
  readonly paths: readonly string[];
}

/** Who and what a commit of MAOS is for. */
export interface CommitText {
  /** Subject, blank line, body, with trailers. */
  readonly message: string;
  /** Author; the committer is the user, or MAOS if the user has set no name. */
  readonly author: { readonly name: string; readonly email: string } | null;
  /** ISO 8601; fixed, so that the same commit made again after a crash has the same id. */
  readonly at: string;
}

/** All of an agent's work, in a commit. */
export interface Snapshot {
  readonly commit: string;
  readonly diff: DiffStat;
  /** Paths that no commit can hold, such as repositories of the agent's own; while there are any, the worktree stays. */
  readonly unkept: readonly string[];
}

/** The commit that a worktree on another machine begins at. */
export interface WorkStart {
  readonly commit: string;
  /** It begins with this merge in progress; null: with none. */
  readonly merge: MergeConflict | null;
  /** Commits that are to be joined after that merge. */
  readonly later: readonly string[];
}

export interface Checkout {
  /** Absolute path. */
  readonly folder: string;
  /** Free ports, reserved for one launch. */
  readonly ports: readonly number[];
}

/** How a target branch was moved. */
export type Moved =
  | { readonly how: 'moved' }
  /** The branch is checked out with changes, in this folder; it was not moved. */
  | { readonly how: 'checked_out'; readonly folder: string; readonly reason: string }
  /** The branch is at another commit than expected; null: it is gone. */
  | { readonly how: 'elsewhere'; readonly commit: string | null };

/**
 * git where agents run. Every method is safe to repeat after it was interrupted at any instant. None runs a program
 * that the repository's own configuration names, and none but {@link Workspaces.moveBranch} changes the user's
 * checkout, index, stash, branches or configuration.
 *
 * Errors: MaosError INVALID_INPUT when the repository or git cannot do it, with the reason and the next step;
 * RESOURCE_LIMIT_EXCEEDED for a full disk; INTERNAL with git's own words otherwise.
 */
export interface Workspaces {
  /**
   * Whether agents can work in worktrees of this folder's repository, and from which commit.
   * @returns with remarks for people, such as uncommitted changes that the agents will not see
   */
  begin(repository: string): Promise<RepositoryStart & { readonly remarks: readonly string[] }>;

  /** The commit of a branch (without `refs/heads/`) or ref; null if there is none. */
  resolve(repository: string, ref: string): Promise<string | null>;

  /** Joins commits in their order. No checkout. @param text of a commit that joins two */
  join(
    repository: string,
    commits: readonly string[],
    text: (ours: string, theirs: string) => CommitText,
  ): Promise<Joined>;

  /** One commit on `onto` with all that `commit` changes relative to it. No checkout. */
  squash(repository: string, onto: string, commit: string, text: CommitText): Promise<Joined>;

  /**
   * Creates the worktree on its branch, or completes a half-made one. An existing worktree is left as it is.
   * @param conflict begins with this merge in progress, its conflicts in the files; only in a new worktree, or in an
   *   existing one without changes
   * @param signal ends the making of a new worktree, of which nothing is left then
   * @returns its folder, with free ports
   */
  open(
    place: WorktreePlace,
    base: string,
    setup: WorktreeSetup | null,
    conflict?: MergeConflict,
    signal?: AbortSignal,
  ): Promise<Checkout>;

  /**
   * Commits everything in the worktree that is not ignored onto its branch, keeps it under `keptRef`, and keeps
   * everything that its branch or HEAD has pointed to. Call it only when no process of the agent is left.
   * @returns null if there is no worktree
   */
  snapshot(
    place: WorktreePlace,
    base: string,
    keptRef: string,
    text: CommitText,
    signal?: AbortSignal,
  ): Promise<Snapshot | null>;

  /**
   * As {@link Workspaces.snapshot}, for work that came from another machine as `keptRef`: puts it on the agent's branch.
   * @returns null if nothing has come
   * @throws MaosError FORBIDDEN if what came was refused, with the reason
   */
  received(place: WorktreePlace, base: string, keptRef: string): Promise<Snapshot | null>;

  /**
   * Takes protected files from `base`: those that differ, are missing or are new. Moves the branch to a commit with
   * them, if there are any.
   * @returns the commit to check, and the paths that were restored
   */
  protect(
    place: WorktreePlace,
    commit: string,
    base: string,
    globs: readonly string[],
    text: CommitText,
  ): Promise<{ readonly commit: string; readonly restored: readonly string[] }>;

  /** A new checkout of exactly this commit, for check number `check` of the agent, with the same setup. */
  checkOut(
    place: WorktreePlace,
    commit: string,
    check: number,
    setup: WorktreeSetup | null,
    /** Globs of files that no sparse checkout leaves out. */
    protect?: readonly string[],
    /** As for {@link Workspaces.open}. */
    signal?: AbortSignal,
  ): Promise<Checkout>;

  /** Removes the checkouts of an agent's checks. */
  discardCheckouts(place: WorktreePlace): Promise<void>;

  /**
   * Moves a branch by compare-and-swap. If it is checked out without changes, its files and index move with it.
   * @param branch without `refs/heads/`
   * @param from the commit that it must be at; null: it must not exist
   */
  moveBranch(repository: string, branch: string, from: string | null, to: string): Promise<Moved>;

  /** The lines of `git diff base commit`, for people, as git's own colours and options give them. */
  diff(repository: string, base: string, commit: string, options: DiffOptions): Promise<string>;

  stat(repository: string, base: string, commit: string): Promise<DiffStat>;

  /** Files with conflict markers that are not in `base`, as git prints their paths without quotes. */
  conflictMarkers(repository: string, base: string, commit: string): Promise<readonly string[]>;

  /** Whether `commit` is in the history of `of`. */
  isAncestor(repository: string, commit: string, of: string): Promise<boolean>;

  /**
   * Removes the worktree, after keeping everything in it as {@link Workspaces.snapshot} does.
   * @returns why it was left where it is; null if it is gone
   */
  remove(place: WorktreePlace, base: string, keptRef: string, text: CommitText): Promise<string | null>;
}

export interface DiffOptions {
  readonly colour: boolean;
  /** `--stat` instead of the lines. */
  readonly stat: boolean;
}
