import { chmodSync, mkdirSync, statSync } from 'node:fs';
import { chmod, mkdir, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { MaosError } from '../../../domain/errors.ts';
import { fileError, showPath, systemCode } from './file-error.ts';

/** Only the user who runs MAOS may enter its folders and read its files. */
export const folderMode = 0o700;
export const fileMode = 0o600;

function assertFolder(path: string, isFolder: boolean): void {
  if (isFolder) return;
  throw new MaosError('INVALID_INPUT', `${showPath(path)} exists but is not a folder: move it away.`, {
    details: { path },
  });
}

/** Ignores that another process has just created the folder. */
function unlessExists(error: unknown): void {
  if (systemCode(error) !== 'EEXIST') throw error;
}

/**
 * Creates the folder and missing parents with mode 0700 under any umask. An existing folder keeps its mode.
 * @throws MaosError RESOURCE_LIMIT_EXCEEDED, FORBIDDEN, INVALID_INPUT when something other than a folder has the name
 */
export async function ensureFolder(path: string): Promise<void> {
  try {
    try {
      await mkdir(path, { mode: folderMode });
    } catch (error) {
      const code = systemCode(error);
      if (code === 'EEXIST') return assertFolder(path, (await stat(path)).isDirectory());
      if (code !== 'ENOENT' || dirname(path) === path) throw error;
      await ensureFolder(dirname(path));
      // Not `recursive`, which never ends where the system reports ENOENT although the parent exists (/proc).
      await mkdir(path, { mode: folderMode }).catch(unlessExists);
    }
    // The umask may have removed even the owner's permissions.
    await chmod(path, folderMode);
  } catch (error) {
    throw fileError(error, 'create the folder', path);
  }
}

/** Synchronous {@link ensureFolder}, for when the thread pool would take longer than the work. */
export function ensureFolderSync(path: string): void {
  try {
    // The folder usually exists, and catching an error costs ten times as much as checking.
    const found = statSync(path, { throwIfNoEntry: false });
    if (found !== undefined) {
      assertFolder(path, found.isDirectory());
      return;
    }
    try {
      mkdirSync(path, { mode: folderMode });
    } catch (error) {
      const code = systemCode(error);
      if (code === 'EEXIST') {
        assertFolder(path, statSync(path).isDirectory());
        return;
      }
      if (code !== 'ENOENT' || dirname(path) === path) throw error;
      ensureFolderSync(dirname(path));
      try {
        mkdirSync(path, { mode: folderMode });
      } catch (again) {
        unlessExists(again);
      }
    }
    chmodSync(path, folderMode);
  } catch (error) {
    throw fileError(error, 'create the folder', path);
  }
}
