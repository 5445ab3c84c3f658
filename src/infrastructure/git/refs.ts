import { lstat, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { systemCode } from '../files/disk/file-error.ts';
import { gitError } from './git-error.ts';
import type { Repository } from './repository.ts';
import type { Git } from './run-git.ts';

/** What no name of a ref contains, but other ways to name a commit do; see git-check-ref-format. */
const noRefName = /[\0- ~^:?*[\\\x7f]|\.\.|@\{/;

/** Commits that git has found or made, so that it need not be asked again whether an id is one. */
const found = new WeakMap<Git, Set<string>>();
const mostFound = 1_000;

async function remember(repository: Repository, ...ids: readonly string[]): Promise<void> {
  const common = await repository.commonFolder();
  const commits = found.get(repository.git) ?? new Set();
  found.set(repository.git, commits);
  if (commits.size + ids.length > mostFound) commits.clear();
  for (const id of ids) commits.add(`${common} ${id}`);
}

/** The commit of a branch (without `refs/heads/`) or a ref; null if there is none. */
export async function resolveRef(repository: Repository, ref: string): Promise<string | null> {
  if (noRefName.test(ref)) return null;
  const name = ref.startsWith('refs/') ? ref : `refs/heads/${ref}`;
  const common = await repository.commonFolder();
  const read = await readRef(common, name);
  if (read === null) return null;
  if (read !== undefined && found.get(repository.git)?.has(`${common} ${read}`)) return read;
  const commit = await repository.commit(name);
  if (commit !== null) await remember(repository, commit);
  return commit;
}

/** What a ref's file says; null: there is no such ref. Undefined: git must be asked. */
async function readRef(common: string, name: string): Promise<string | null | undefined> {
  if (!/^refs\/(?:heads|maos)\/./.test(name) || /\/[./]|\/$|\.lock(?:\/|$)/.test(name)) return undefined;
  if (!(await hasRefFiles(common))) return undefined;
  const content = await readRefFile(join(common, name));
  if (content !== null) return /^[0-9a-f]{40,64}\n$/.test(content) ? content.trim() : undefined;
  // As git does it: a ref is packed before its file is removed.
  const packed = await readFile(join(common, 'packed-refs'), 'utf8').catch(unlessMissing);
  return packed?.includes(` ${name}\n`) ? undefined : null;
}

/** The file of a ref or HEAD; null: there is none. Empty if git must be asked: old ones are symbolic links. */
export async function readRefFile(path: string): Promise<string | null> {
  const found = await lstat(path).catch(unlessMissing);
  if (found === null || found.isDirectory()) return null;
  return found.isFile() ? readFile(path, 'utf8').catch(unlessMissing) : '';
}

/** Otherwise only git can look. @param common the folder that all worktrees share */
export async function hasRefFiles(common: string): Promise<boolean> {
  return (await stat(join(common, 'reftable')).catch(() => null)) === null;
}

/** A folder of refs, or a ref in the place of one, has no ref of that name. */
function unlessMissing(error: unknown): null {
  if (['ENOENT', 'EISDIR', 'ENOTDIR'].includes(systemCode(error) ?? '')) return null;
  throw error;
}

/** A branch can be another name of a branch. */
export async function realRef(repository: Repository, ref: string): Promise<string> {
  if ((await readRef(await repository.commonFolder(), ref)) !== undefined) return ref;
  const { status, stdout } = await repository.run(['symbolic-ref', '--quiet', ref]);
  return status === 0 ? stdout.toString().trim() : ref;
}

/** Whether `commit` is in the history of `of`. @throws MaosError if there is no such commit */
export async function isAncestor(repository: Repository, commit: string, of: string): Promise<boolean> {
  const args = ['merge-base', '--is-ancestor', commit, of];
  const result = await repository.run(args);
  if (result.status > 1 || result.status < 0) throw gitError(args, result, repository.folder);
  await remember(repository, commit, of);
  return result.status === 0;
}

/** Whether commits are there, with their whole history, and refs or other commits have them in theirs. @param from or `--all` */
export async function areReached(
  repository: Repository,
  commits: readonly string[],
  ...from: readonly string[]
): Promise<boolean> {
  const { status, stdout } = await repository.run(['rev-list', '--count', ...commits, '--not', ...from]);
  return status === 0 && stdout.toString() === '0\n';
}

/** A commit that both have in their history: one of the two if it is in the other's; null if there is none. */
export async function mergeBase(
  repository: Repository,
  ours: string,
  theirs: string,
): Promise<string | null> {
  if (ours === theirs) return ours;
  const args = ['merge-base', ours, theirs];
  const result = await repository.run(args);
  if (result.status > 1 || result.status < 0) throw gitError(args, result, repository.folder);
  await remember(repository, ours, theirs);
  return result.status === 0 ? result.stdout.toString().trim() : null;
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
  if (result.status === 0) {
    await remember(repository, to);
    return true;
  }
  if ((await repository.commit(ref)) !== from) return false;
  throw gitError(args, result, repository.folder);
}
