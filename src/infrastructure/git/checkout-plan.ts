import { readdir } from 'node:fs/promises';
import { quote } from '../../domain/errors.ts';
import { bytesOfName, textOfName } from '../files/disk/file-names.ts';
import { type FilePrint, folderPrint, kindAt, pathIn, printAt } from './file-print.ts';
import type { FileStep, StepFolders } from './file-steps.ts';
import { hiddenPaths } from './hidden-paths.ts';
import { recallMerge } from './merge-memory.ts';
import type { Repository } from './repository.ts';
import { changesCommand, foldersAbove, isSubmodule, parseChanges, type TreeChange } from './tree-changes.ts';

/** A checkout, as git names it. */
export interface CheckedOut {
  /** Its top folder. */
  readonly folder: string;
  readonly gitDir: string;
  /** Opened in the folder. */
  readonly repository: Repository;
}

/** The steps of a move, or why the checkout must not be touched. */
export type CheckoutPlan =
  | { readonly steps: readonly FileStep[]; readonly reason: null }
  | { readonly reason: string };

/** What a plan is made from. */
export interface CheckoutFacts {
  readonly changes: readonly TreeChange[];
  /** Paths whose changes `git status` does not show. */
  readonly hidden: ReadonlySet<string>;
}

export async function readCheckout(checkout: CheckedOut, from: string, to: string): Promise<CheckoutFacts> {
  const { repository, gitDir } = checkout;
  const [changes, hidden] = await Promise.all([
    recallMerge(repository.git, from, to)?.changes ??
      repository.bytes([...changesCommand, from, to]).then(parseChanges),
    hiddenPaths(repository, gitDir),
  ]);
  return { changes, hidden };
}

/**
 * Plans how the files of a checkout without changes get from one commit to another. Reads only.
 * @param folders with the new files, and the new index
 */
export async function planSteps(
  checkout: CheckedOut,
  { staged, index }: Pick<StepFolders, 'staged'> & { readonly index: string },
  { changes, hidden }: CheckoutFacts,
): Promise<CheckoutPlan> {
  const { repository, folder } = checkout;
  const removed = new Set(changes.filter(({ after }) => after === null).map(({ path }) => path));
  const filtered = await filteredPath(repository, index, changes);
  if (filtered !== null) return { reason: filtered };
  const steps: FileStep[] = [];
  for (const change of changes) {
    const { path } = change;
    const before = await printAt(folder, path);
    if (hidden.has(path) && before !== null) {
      return {
        reason: `${show(path)} is there although git is told to ignore it (sparse checkout, skip-worktree or assume-unchanged)`,
      };
    }
    const after = await printAfter(staged, change);
    const reason = await whyBlocked(folder, change, before, after, removed);
    if (reason !== null) return { reason };
    // A path outside a sparse checkout is in neither.
    const isOutside = change.after !== null && after === null;
    if (before !== after && !isOutside) {
      // What is at the place of a new path now, the move itself removes before; but not a folder that git does not know.
      const isLeft = change.before !== null || (await isEmptyFolder(folder, path, before));
      steps.push({ path, before: isLeft ? before : null, after });
    }
  }
  // What is removed makes room for what is placed, also where a file takes the place of a folder.
  return {
    steps: [...steps.filter(({ after }) => after === null), ...steps.filter(({ after }) => after !== null)],
    reason: null,
  };
}

async function isEmptyFolder(folder: string, path: string, found: FilePrint): Promise<boolean> {
  return found === folderPrint && (await readdir(pathIn(folder, path))).length === 0;
}

async function printAfter(staged: string, { path, after }: TreeChange): Promise<FilePrint> {
  if (after === null) return null;
  return isSubmodule(after) ? folderPrint : printAt(staged, path);
}

/** Why a path cannot be changed without losing something; null if it can. */
async function whyBlocked(
  folder: string,
  change: TreeChange,
  before: FilePrint,
  after: FilePrint,
  removed: ReadonlySet<string>,
): Promise<string | null> {
  const { path } = change;
  if (isSubmodule(change.before)) {
    const isEmpty = before !== folderPrint || (await readdir(pathIn(folder, path))).length === 0;
    return isSubmodule(change.after) || change.after === null || isEmpty ? null : inTheWay(path);
  }
  if (change.before !== null || before === after || after === null) return null;
  // A new file: nothing untracked may be at its place, or where its folders must be.
  for (const above of foldersAbove(path).toReversed()) {
    const kind = await kindAt(folder, above);
    if (kind === 'folder') continue;
    if (kind !== null && !removed.has(above)) return inTheWay(above);
    // Nothing is below; looking there would follow a link.
    break;
  }
  if (before === null) return null;
  if (before !== folderPrint) return (await isRenamedByCase(folder, path, removed)) ? null : inTheWay(path);
  const stranger = await findStranger(folder, path, removed);
  return stranger === null ? null : inTheWay(stranger);
}

/** Where upper and lower case are one, a file that is renamed by case alone is found under both names. */
async function isRenamedByCase(folder: string, path: string, removed: ReadonlySet<string>): Promise<boolean> {
  const names = (await readdir(pathIn(folder, path.split('/').slice(0, -1).join('/')), 'latin1')) as string[];
  const other = [...removed].find((one) => one.toLowerCase() === path.toLowerCase());
  return other !== undefined && !names.includes(path.split('/').at(-1) as string);
}

/** The first file below a folder that the move does not remove. */
async function findStranger(
  folder: string,
  path: string,
  removed: ReadonlySet<string>,
): Promise<string | null> {
  for (const name of await readdir(pathIn(folder, path), 'latin1')) {
    const below = `${path}/${name}`;
    const isFolder = (await kindAt(folder, below)) === 'folder';
    const found = isFolder ? await findStranger(folder, below, removed) : removed.has(below) ? null : below;
    if (found !== null) return found;
  }
  return null;
}

/** Why the files cannot be written as the user's own git would; null if they can. */
async function filteredPath(
  repository: Repository,
  index: string,
  changes: readonly TreeChange[],
): Promise<string | null> {
  const { ownFilters } = repository.config;
  if (ownFilters.length === 0) return null;
  const paths = changes.filter(({ after }) => after !== null).map(({ path }) => `${path}\0`);
  const args = ['check-attr', '-z', '--cached', '--stdin', 'filter'];
  const env = { GIT_INDEX_FILE: index };
  const fields = await repository.names(args, { input: bytesOfName(paths.join('')), env });
  for (let at = 0; at + 2 < fields.length; at += 3) {
    const [path, , filter] = fields.slice(at, at + 3) as [string, string, string];
    if (ownFilters.includes(filter)) {
      return `${show(path)} has the filter ${quote(filter)}, which only the configuration of the repository defines, so MAOS does not run it`;
    }
  }
  return null;
}

function inTheWay(path: string): string {
  return `${show(path)} is not tracked, and the new commit has something else there`;
}

export function show(path: string): string {
  return quote(textOfName(bytesOfName(path)));
}
