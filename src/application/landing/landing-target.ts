import { MaosError, quote } from '../../domain/errors.ts';
import type { Landing } from '../../domain/session.ts';
import { landedBranchOf } from '../../domain/worktree.ts';
import type { Workspaces } from '../ports/workspaces.ts';

/** Where a checked commit ended up. */
export type Placed =
  | { readonly how: 'moved' }
  | {
      readonly how: 'waiting';
      readonly branch: string;
      readonly reason: string;
      /** Brings the work from there onto the target. */
      readonly command: string;
    }
  /** The target is no longer at a commit that the checked one contains. */
  | { readonly how: 'again'; readonly reason: string };

/** The branch that a session lands onto, and the branch where work waits while the target cannot be moved. */
export class LandingTarget {
  readonly #workspaces: Workspaces;
  readonly #repository: string;
  readonly #target: string;
  readonly #waiting: string;

  constructor(workspaces: Workspaces, repository: string, { target, sessionId }: Landing) {
    this.#workspaces = workspaces;
    this.#repository = repository;
    this.#target = target;
    this.#waiting = landedBranchOf(sessionId);
  }

  /**
   * The commit that the next work lands on: the target's, or that of the work that waits for it.
   * @throws MaosError INVALID_INPUT when there is no target
   */
  async tip(): Promise<string> {
    const [target, waiting] = await Promise.all([
      this.#commitOf(this.#target),
      this.#commitOf(this.#waiting),
    ]);
    if (target === null) throw noTarget(this.#target);
    if (waiting === null || waiting === target) return target;
    // A target that has moved on without the waiting work does not wait for it; that work lands again from its branches.
    return (await this.#contains(waiting, target)) ? waiting : target;
  }

  /**
   * Moves the target to a checked commit, or lets the commit wait while the user's changes are in the way. Repeated after
   * a crash, it recognizes what was moved.
   * @param tip the commit that the checked one was made on
   */
  async place(tip: string, commit: string): Promise<Placed> {
    const from = await this.#commitOf(this.#target);
    if (from === null) throw noTarget(this.#target);
    if (from === commit) return { how: 'moved' };
    // A commit made on the tip is not in the tip's history.
    if (from !== tip) {
      if (await this.#contains(from, commit)) return { how: 'moved' };
      if (!(await this.#contains(tip, from))) return this.#elsewhere(from);
    }
    const moved = await this.#workspaces.moveBranch(this.#repository, this.#target, from, commit);
    if (moved.how === 'moved') return moved;
    return moved.how === 'elsewhere' ? this.#elsewhere(moved.commit) : this.#wait(commit, moved.reason);
  }

  async #wait(commit: string, reason: string): Promise<Placed> {
    const branch = this.#waiting;
    const from = await this.#commitOf(branch);
    const isThere = from !== null && (await this.#contains(from, commit));
    const moved = isThere
      ? ({ how: 'moved' } as const)
      : await this.#workspaces.moveBranch(this.#repository, branch, from, commit);
    switch (moved.how) {
      case 'moved':
        return { how: 'waiting', branch, reason, command: `git merge --ff-only ${branch}` };
      case 'elsewhere':
        return { how: 'again', reason: `${branch} has moved to ${moved.commit ?? 'nowhere'}.` };
      case 'checked_out':
        throw new MaosError(
          'INVALID_INPUT',
          `Neither ${quote(this.#target)} nor ${quote(branch)} can be moved: ${moved.reason} Commit or discard the changes in ${quote(moved.folder)}, then land again.`,
        );
    }
  }

  #elsewhere(commit: string | null): Placed {
    return { how: 'again', reason: `${this.#target} has moved to ${commit ?? 'nowhere'}.` };
  }

  /** Whether `commit` is in the history of `of`, or is `of` itself. */
  async #contains(of: string, commit: string): Promise<boolean> {
    return of === commit || this.#workspaces.isAncestor(this.#repository, commit, of);
  }

  #commitOf(branch: string): Promise<string | null> {
    return this.#workspaces.resolve(this.#repository, branch);
  }
}

export function noTarget(target: string): MaosError {
  return new MaosError(
    'INVALID_INPUT',
    `There is no branch ${quote(target)} to land onto. Name another one with --into (into), or create it: git branch ${target}`,
    { details: { target } },
  );
}
