import { gitError } from './git-error.ts';
import type { Repository } from './repository.ts';

/** What no name of a ref contains, but other ways to name a commit do; see git-check-ref-format. */
const noRefName = /[\0- ~^:?*[\\\x7f]|\.\.|@\{/;

/** The commit of a branch (without `refs/heads/`) or a ref; null if there is none. */
export async function resolveRef(repository: Repository, ref: string): Promise<string | null> {
  if (noRefName.test(ref)) return null;
  return repository.commit(ref.startsWith('refs/') ? ref : `refs/heads/${ref}`);
}

/** Whether `commit` is in the history of `of`. @throws MaosError if there is no such commit */
export async function isAncestor(repository: Repository, commit: string, of: string): Promise<boolean> {
  const args = ['merge-base', '--is-ancestor', commit, of];
  const result = await repository.run(args);
  if (result.status === 0 || result.status === 1) return result.status === 0;
  throw gitError(args, result, repository.folder);
}

export interface RefMove {
  /** Full name. */
  readonly ref: string;
  /** The commit that it must be at; null: it must not exist. */
  readonly from: string | null;
  readonly to: string;
  /** For the reflog. */
  readonly message: string;
}

/**
 * Moves a ref by compare-and-swap.
 * @returns whether it was at `from`
 */
export async function moveRef(repository: Repository, { ref, from, to, message }: RefMove): Promise<boolean> {
  const args = ['update-ref', '-m', message, '--no-deref', ref, to, from ?? '0'.repeat(to.length)];
  const result = await repository.run(args);
  if (result.status === 0) return true;
  if ((await repository.commit(ref)) !== from) return false;
  throw gitError(args, result, repository.folder);
}
