import { copyFile, link, mkdir, readlink, rename, rmdir, symlink, unlink } from 'node:fs/promises';
import { systemCode } from '../files/disk/file-error.ts';
import { type FilePrint, folderPrint, kindAt, pathIn, printAt } from './file-print.ts';
import { foldersAbove } from './tree-changes.ts';

/**
 * One change of a checkout, as the journal has it: first what is removed, then what is placed. Files are placed whole,
 * by a rename; what they replace is kept, so that every step can be undone.
 */
export interface FileStep {
  readonly path: string;
  readonly before: FilePrint;
  readonly after: FilePrint;
}

/** Where the files are that steps place, and those that they replace. */
export interface StepFolders {
  readonly checkout: string;
  /** The new files, by their paths. */
  readonly staged: string;
  /** The replaced files, by the number of their step. */
  readonly kept: string;
}

/** A file is not as it was when the move was planned. */
export class ChangedFile extends Error {
  readonly path: string;

  constructor(path: string) {
    super('A file has changed.');
    this.path = path;
  }
}

/** @throws ChangedFile; system errors. After either, {@link undoSteps} restores what was there. */
export async function takeSteps(folders: StepFolders, steps: readonly FileStep[]): Promise<void> {
  const { checkout, staged } = folders;
  for (const [number, step] of steps.entries()) {
    const { path, before, after } = step;
    if ((await printAt(checkout, path)) !== before) throw new ChangedFile(path);
    if (before === folderPrint) await removeEmpty(checkout, path);
    else if (before !== null) await keep(folders, number, step);
    const isFile = after !== null && after !== folderPrint;
    if (!isFile && before !== null && before !== folderPrint) await unlink(pathIn(checkout, path));
    if (after === null) await removeEmptyAbove(checkout, path);
    else {
      await makeAbove(checkout, path);
      if (isFile) await moveFile(pathIn(staged, path), pathIn(checkout, path));
      else await makeFolder(pathIn(checkout, path));
    }
  }
}

/** Restores what {@link takeSteps} has changed, wherever it was interrupted. Leaves files that have changed since. */
export async function undoSteps(folders: StepFolders, steps: readonly FileStep[]): Promise<void> {
  const { checkout } = folders;
  for (const [number, step] of [...steps.entries()].toReversed()) {
    const { path, before, after } = step;
    const now = await printAt(checkout, path);
    // Folders may have been made for it already, in the way of what was there.
    if (before === null && now === null) await removeEmptyAbove(checkout, path);
    const isKept = before === folderPrint || (await kindAt(folders.kept, String(number))) !== null;
    // Neither, when the user has changed it since: then it stays.
    const isOurs = now === after || (now === null && isKept);
    if (now === before || !isOurs || (before !== null && !isKept)) continue;
    if (now === folderPrint) await removeEmpty(checkout, path);
    if (before === null) {
      if (now !== folderPrint) await unlink(pathIn(checkout, path));
      await removeEmptyAbove(checkout, path);
    } else if (await makeAbove(checkout, path)) {
      if (before !== folderPrint)
        await moveFile(pathIn(folders.kept, String(number)), pathIn(checkout, path));
      else {
        if (now !== null) await unlink(pathIn(checkout, path));
        await makeFolder(pathIn(checkout, path));
      }
    }
  }
}

/** A second name for the file that is about to be replaced. */
async function keep({ checkout, kept }: StepFolders, number: number, step: FileStep): Promise<void> {
  const [from, to] = [pathIn(checkout, step.path), pathIn(kept, String(number))];
  if (step.before?.startsWith('link ')) return symlink(await readlink(from, 'buffer'), to);
  try {
    await link(from, to);
  } catch {
    // Across file systems, or where links are not allowed.
    await copyFile(from, to);
  }
}

/** Across file systems, through a name beside the target. */
async function moveFile(from: Buffer, to: Buffer): Promise<void> {
  try {
    await rename(from, to);
  } catch (error) {
    if (systemCode(error) !== 'EXDEV') throw error;
    const beside = Buffer.concat([to, Buffer.from('.maos-move')]);
    await unlink(beside).catch(ignoring('ENOENT'));
    const target = await readlink(from, 'buffer').catch(ignoring('EINVAL'));
    if (target === undefined) await copyFile(from, beside);
    else await symlink(target, beside);
    await rename(beside, to);
  }
}

async function makeFolder(at: Buffer): Promise<void> {
  await mkdir(at).catch(ignoring('EEXIST'));
}

/** @returns whether the folders are there */
async function makeAbove(checkout: string, path: string): Promise<boolean> {
  for (const above of foldersAbove(path).toReversed()) {
    const kind = await kindAt(checkout, above);
    if (kind === null) await makeFolder(pathIn(checkout, above));
    else if (kind !== 'folder') return false;
  }
  return true;
}

/** Not below a link, which may lead anywhere. */
async function removeEmptyAbove(checkout: string, path: string): Promise<void> {
  const found: string[] = [];
  for (const above of foldersAbove(path).toReversed()) {
    if ((await kindAt(checkout, above)) !== 'folder') break;
    found.unshift(above);
  }
  for (const above of found) if (!(await removeEmpty(checkout, above))) return;
}

/** @returns whether the folder is gone */
async function removeEmpty(checkout: string, path: string): Promise<boolean> {
  try {
    await rmdir(pathIn(checkout, path));
    return true;
  } catch (error) {
    const code = systemCode(error);
    if (code === 'ENOENT') return true;
    // Not empty, a link, or the current folder of a mount.
    if (['ENOTEMPTY', 'EEXIST', 'ENOTDIR', 'EBUSY', 'EINVAL'].includes(code ?? '')) return false;
    throw error;
  }
}

function ignoring(code: string) {
  return (error: unknown): undefined => {
    if (systemCode(error) !== code) throw error;
  };
}
