import { constants } from 'node:fs';
import { copyFile, readFile, rm, stat, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { isMaosError } from '../../domain/errors.ts';
import { bytesOfName, joinBytes, nameEncoding, textOfName } from '../files/disk/file-names.ts';
import { openRepository, type Repository } from './repository.ts';
import { exists, ignoreMissing } from './worktree-places.ts';
import { indexEntries, worktreeStatus } from './worktree-status.ts';

/** All files of a worktree that are not ignored, as a tree. */
interface WorktreeTree {
  /** Id of the tree. */
  readonly tree: string;
  /** The index of the tree, with the times of its files. */
  readonly index: string;
  /** Whether a file that was in conflict still has conflict marks. */
  readonly isInConflict: boolean;
  /** Paths, for people, that no commit can hold. */
  readonly unkept: readonly string[];
}

/** Where the tree of a worktree is made from. */
export interface TreeSource {
  readonly worktree: Repository;
  /** Its index; null: there is none that can be used. */
  readonly index: string | null;
  /** The commit that is checked out. */
  readonly head: string;
  readonly base: string;
  /** What setup has brought, see `WorktreeState`. */
  readonly brought: readonly string[];
  /** Where the new index is to be made. */
  readonly newIndex: string;
  readonly signal: AbortSignal | undefined;
}

/** Makes the tree without touching the worktree or its index. */
export async function makeTree(source: TreeSource): Promise<WorktreeTree> {
  const { index, newIndex } = source;
  await rm(`${newIndex}.lock`, { force: true });
  if (index === null || !(await copyIndex(index, newIndex))) return fromCommit(source);
  try {
    return await fromIndex(source);
  } catch (error) {
    // What an agent or a full disk has left may be no index.
    if (!isMaosError(error, 'INTERNAL')) throw error;
    return fromCommit(source);
  }
}

async function fromCommit(source: TreeSource): Promise<WorktreeTree> {
  const { worktree, newIndex, head, signal } = source;
  await rm(newIndex, { force: true });
  await worktree.succeed(['read-tree', head], { env: { GIT_INDEX_FILE: newIndex }, signal });
  return fromIndex(source);
}

async function fromIndex(source: TreeSource): Promise<WorktreeTree> {
  const { worktree, newIndex, signal } = source;
  const options = { env: { GIT_INDEX_FILE: newIndex }, signal };
  const update = async (args: readonly string[], paths: readonly string[]): Promise<void> => {
    if (paths.length === 0) return;
    const input = Buffer.from(`${paths.join('\0')}\0`, nameEncoding);
    await worktree.succeed(['update-index', ...args, '-z', '--stdin'], { ...options, input });
  };
  const entries = await indexEntries(worktree, options);
  await update(
    ['--no-assume-unchanged'],
    entries.filter((entry) => entry.isAssumedUnchanged).map(({ path }) => path),
  );
  const skipped = entries.filter((entry) => entry.isSkipped).map(({ path }) => path);
  await update(['--no-skip-worktree'], await withoutSparse(worktree, skipped));

  const isBrought = coveredBy(source.brought);
  const status = await worktreeStatus(worktree, isBrought, options);
  await update(['--add', '--remove', '--replace'], status.changed);
  await update(
    ['--force-remove'],
    [...status.gone, ...(await newOnes(source, entries.map(({ path }) => path).filter(isBrought)))],
  );
  const submodules = entries.filter((entry) => entry.isSubmodule).map(({ path }) => path);
  const unkept = [...status.unkept, ...(await withOwnWork(worktree, submodules))];
  return {
    tree: await worktree.text(['write-tree'], options),
    index: newIndex,
    isInConflict: await haveMarks(worktree.folder, status.unmerged),
    unkept: unkept.map((path) => textOfName(bytesOfName(path))).sort(),
  };
}

/**
 * Problem: git takes a file for unchanged if its time and size are as in the index, unless the index is as old as that
 * time. A copy of the index would be younger.
 * Solution: give the copy the original's time; slightly earlier, because Node's times have no nanoseconds.
 * @returns whether there is an index
 */
async function copyIndex(from: string, to: string): Promise<boolean> {
  const times = await stat(from).catch(ignoreMissing);
  if (times === undefined) return false;
  await rm(to, { force: true });
  await copyFile(from, to, constants.COPYFILE_FICLONE);
  const seconds = times.mtimeMs / 1_000 - 0.000_01;
  await utimes(to, seconds, seconds);
  return true;
}

/** In a sparse checkout, a file that is not there is skipped, not deleted. */
async function withoutSparse(worktree: Repository, skipped: readonly string[]): Promise<string[]> {
  if (worktree.config.value('core.sparsecheckout') !== 'true') return [...skipped];
  const present: string[] = [];
  for (const path of skipped) {
    if (await exists(joinBytes(Buffer.from(worktree.folder), bytesOfName(path)))) present.push(path);
  }
  return present;
}

function coveredBy(brought: readonly string[]): (path: string) => boolean {
  const names = new Set(brought);
  if (names.size === 0) return () => false;
  return (path) => {
    for (let end = path.length; end > 0; end = path.lastIndexOf('/', end - 1)) {
      if (names.has(path.slice(0, end))) return true;
    }
    return false;
  };
}

/** Those paths that the base does not have. */
async function newOnes({ worktree, base }: TreeSource, paths: readonly string[]): Promise<string[]> {
  if (paths.length === 0) return [];
  const known = new Set(await worktree.names(['ls-tree', '-r', '-z', '--name-only', '--full-tree', base]));
  return paths.filter((path) => !known.has(path));
}

/** Submodules with changes, or with commits that no remote has. */
async function withOwnWork(worktree: Repository, submodules: readonly string[]): Promise<string[]> {
  const found: string[] = [];
  for (const path of submodules) {
    const folder = joinBytes(Buffer.from(worktree.folder), bytesOfName(path));
    if (!(await exists(joinBytes(folder, Buffer.from('.git'))))) continue;
    if (await hasOwnWork(worktree, folder.toString())) found.push(`${path}/`);
  }
  return found;
}

async function hasOwnWork({ git, folder: top }: Repository, folder: string): Promise<boolean> {
  try {
    const submodule = await openRepository(git, folder, { GIT_CEILING_DIRECTORIES: top });
    const changes = await submodule.text(['status', '--porcelain', '-z', '--ignore-submodules=dirty']);
    const own = await submodule.text(['rev-list', '-n', '1', '--all', 'HEAD', '--not', '--remotes']);
    return changes !== '' || own !== '';
  } catch (error) {
    if (!isMaosError(error)) throw error;
    // A repository that cannot be read cannot be shown to be empty.
    return true;
  }
}

/** Whether a file begins and ends a conflict as git marks it. */
async function haveMarks(folder: string, paths: readonly string[]): Promise<boolean> {
  for (const path of paths) {
    const file = joinBytes(Buffer.from(folder), bytesOfName(path));
    const content = await readFile(file, nameEncoding).catch(() => '');
    if (/^<{7} /m.test(content) && /^>{7} /m.test(content)) return true;
  }
  return false;
}

/** The path of a worktree's index. */
export function indexOf(gitDir: string): string {
  return join(gitDir, 'index');
}
