import { randomBytes } from 'node:crypto';
import { type FileHandle, open, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { fileError } from './file-error.ts';
import { fileMode } from './folders.ts';

/** Names of files being written: a leading dot, the target's name, 12 hex digits, `.tmp`. */
const temporaryName = /^\..+\.[0-9a-f]{12}\.tmp$/s;

/** Whether {@link writeFileAtomic} uses the name for a file that it is writing, or was when its process was killed. */
export function isTemporaryName(name: string): boolean {
  return temporaryName.test(name);
}

/** A unique name beside the file for its next content, recognised by {@link isTemporaryName}. */
export function temporaryPath(path: string): string {
  return join(dirname(path), `.${basename(path)}.${randomBytes(6).toString('hex')}.tmp`);
}

/**
 * Replaces the file's content: at any moment, and after a crash, readers see either the old or the new content.
 * With `flush: false` this holds after the death of processes, but after a power failure the file may be missing or
 * empty: for what is stored elsewhere, because each flush delays those of the database. The folder must exist. After an error there is no temporary file, and the content is the old one (the new one if only
 * the final sync failed). A kill can leave a temporary file, see {@link isTemporaryName}.
 *
 * @throws MaosError RESOURCE_LIMIT_EXCEEDED for a full disk, FORBIDDEN, INTERNAL; all name the file
 */
export async function writeFileAtomic(
  path: string,
  data: string | Uint8Array,
  options: { readonly mode?: number; readonly flush?: boolean } = {},
): Promise<void> {
  const { mode = fileMode, flush = true } = options;
  const temporary = temporaryPath(path);
  try {
    // 'wx' never writes through a link that another user created.
    await written(await open(temporary, 'wx', mode), data, mode, flush);
    await rename(temporary, path);
    if (flush) await syncFolder(dirname(path));
  } catch (error) {
    // It may not exist. If it cannot be removed, its name tells readers to skip it.
    await rm(temporary, { force: true }).catch(() => undefined);
    throw fileError(error, 'write', path);
  }
}

async function written(
  file: FileHandle,
  data: string | Uint8Array,
  mode: number,
  flush: boolean,
): Promise<void> {
  try {
    // The umask restricts the mode passed to open.
    await file.chmod(mode);
    await file.writeFile(data);
    if (flush) await file.sync();
  } finally {
    await file.close();
  }
}

/** Makes a rename in the folder durable. Windows cannot open folders, and syncs directory entries itself. */
async function syncFolder(folder: string): Promise<void> {
  if (process.platform === 'win32') return;
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
