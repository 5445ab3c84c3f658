import type { Stats } from 'node:fs';
import { access, constants, lstat } from 'node:fs/promises';
import { bytesOfName, joinBytes, nameEncoding } from '../files/disk/file-names.ts';
import type { Repository, RunOptions } from './repository.ts';
import { ignoreMissing } from './worktree-places.ts';

/** Names with every byte kept, see `file-names.ts`; in git's order. */
type ByteNames = readonly string[];

/** How a worktree differs from an index. */
export interface WorktreeStatus {
  /** To be added, updated or removed. */
  readonly changed: ByteNames;
  /** In the index with both sides of a conflict. */
  readonly unmerged: ByteNames;
  /** Tracked, but deleted, or now something that git cannot hold, such as a pipe. */
  readonly gone: ByteNames;
  /** Repositories that the worktree's repository does not know, with a slash at the end; and what cannot be read. */
  readonly unkept: ByteNames;
}

interface IndexEntry {
  readonly path: string;
  readonly isSubmodule: boolean;
  readonly isAssumedUnchanged: boolean;
  readonly isSkipped: boolean;
}

export async function indexEntries(worktree: Repository, options: RunOptions): Promise<IndexEntry[]> {
  const listed = await worktree.names(['ls-files', '-s', '-v', '-z'], options);
  return listed.map((entry) => {
    const tab = entry.indexOf('\t');
    const [tag = '', mode] = entry.slice(0, tab).split(' ');
    return {
      path: entry.slice(tab + 1),
      isSubmodule: mode === '160000',
      isAssumedUnchanged: tag !== tag.toUpperCase(),
      isSkipped: tag.toUpperCase() === 'S',
    };
  });
}

/** @param isBrought whether `setup` brought it, so that it is left out */
export async function worktreeStatus(
  worktree: Repository,
  isBrought: (path: string) => boolean,
  options: RunOptions,
): Promise<WorktreeStatus> {
  const args = [
    ...['status', '--porcelain=v2', '-z', '--no-renames', '--untracked-files=all'],
    // git would run in each submodule, with the configuration of that.
    '--ignore-submodules=dirty',
  ];
  const result = await worktree.succeed(args, options);
  const changed: string[] = [];
  const unmerged: string[] = [];
  const gone: string[] = [];
  const unkept = [...result.stderr.matchAll(/could not open directory '(.*)': /g)].flatMap(
    ([, path]) => path ?? [],
  );
  const lines = result.stdout.toString(nameEncoding).split('\0').slice(0, -1);
  for (const line of lines) {
    const path = pathOf(line);
    if (isBrought(path) || (line.startsWith('1 ') && line[3] === '.')) continue;
    if (path.endsWith('/')) {
      unkept.push(path);
      continue;
    }
    if (line.startsWith('u ')) unmerged.push(path);
    // Its folder may be a symbolic link now, behind which something else has its name.
    if (line.startsWith('1 ') && line[3] === 'D') {
      gone.push(path);
      continue;
    }
    const kind = await kindOf(worktree.folder, path);
    (kind === 'unkept' ? unkept : kind === 'gone' ? gone : changed).push(path);
    options.signal?.throwIfAborted();
  }
  return { changed, unmerged, gone, unkept };
}

/** Number of fields before the path, by the kind of line; see git-status(1), "Porcelain Format Version 2". */
const fieldsBefore: Readonly<Record<string, number>> = { '1': 8, u: 10, '?': 1 };

function pathOf(line: string): string {
  let at = 0;
  for (let count = fieldsBefore[line[0] ?? ''] ?? 0; count > 0; count--) at = line.indexOf(' ', at) + 1;
  return line.slice(at);
}

async function kindOf(folder: string, path: string): Promise<'changed' | 'gone' | 'unkept'> {
  const file = joinBytes(Buffer.from(folder), bytesOfName(path));
  const found: Stats | undefined = await lstat(file).catch(ignoreMissing);
  if (found === undefined || found.isSymbolicLink() || found.isDirectory()) return 'changed';
  if (!found.isFile()) return 'gone';
  return access(file, constants.R_OK).then(
    () => 'changed',
    () => 'unkept',
  );
}
