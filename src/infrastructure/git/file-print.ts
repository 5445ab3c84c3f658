import { createHash } from 'node:crypto';
import { createReadStream, type Stats } from 'node:fs';
import { lstat, readlink } from 'node:fs/promises';
import { isMissing } from '../files/disk/file-error.ts';
import { bytesOfName, joinBytes } from '../files/disk/file-names.ts';
import { foldersAbove } from './tree-changes.ts';

/** What is at a path, such that equal prints mean equal content: kind, and its SHA-256. Null: nothing. */
export type FilePrint = string | null;

export const folderPrint = 'folder';

/** @param path relative; every byte is one character */
export function pathIn(folder: string, path: string): Buffer {
  return joinBytes(folder, bytesOfName(path));
}

/** What is at a path. Where a link stands for one of the folders above, nothing is: git does not follow it either. */
export async function printAt(folder: string, path: string): Promise<FilePrint> {
  for (const above of foldersAbove(path).toReversed()) {
    if ((await kindAt(folder, above)) !== 'folder') return null;
  }
  const at = pathIn(folder, path);
  const kind = await kindAt(folder, path);
  if (kind === 'link')
    return `link ${createHash('sha256')
      .update(await readlink(at, 'buffer'))
      .digest('hex')}`;
  return kind === 'file' || kind === 'program' ? `${kind} ${await sha256(at)}` : kind;
}

export type FileKind = 'file' | 'program' | 'link' | 'folder' | 'other';

/** Does not look at the folders above. */
export async function kindAt(folder: string, path: string): Promise<FileKind | null> {
  try {
    return kindOf(await lstat(pathIn(folder, path)));
  } catch (error) {
    if (isMissing(error)) return null;
    throw error;
  }
}

function kindOf(found: Stats): FileKind {
  if (found.isDirectory()) return 'folder';
  if (found.isSymbolicLink()) return 'link';
  if (!found.isFile()) return 'other';
  return (found.mode & 0o100) === 0 ? 'file' : 'program';
}

async function sha256(at: Buffer): Promise<string> {
  const hash = createHash('sha256');
  for await (const piece of createReadStream(at)) hash.update(piece as Buffer);
  return hash.digest('hex');
}
