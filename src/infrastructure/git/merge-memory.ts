import type { DiffStat } from '../../domain/worktree.ts';
import type { Git } from './run-git.ts';
import type { TreeChange } from './tree-changes.ts';

/** A merge that was made a moment ago. Ids say what is in commits, so it stays true. */
export interface KnownMerge {
  /** Its first parent. */
  readonly base: string;
  readonly commit: string;
  readonly stat: DiffStat;
  /** From its first parent. */
  readonly changes: readonly TreeChange[];
}

/** The last merge: next, it lands. */
const last = new WeakMap<Git, KnownMerge>();

export function rememberMerge(git: Git, merge: KnownMerge): void {
  last.set(git, merge);
}

export function recallMerge(git: Git, base: string, commit: string): KnownMerge | null {
  const known = last.get(git);
  return known?.base === base && known.commit === commit ? known : null;
}
