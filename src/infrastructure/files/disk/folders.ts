import { chmodSync, mkdirSync, statSync } from 'node:fs';
import { chmod, mkdir, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { MaosError } from '../../../domain/errors.ts';
import { fileError, showPath, systemCode } from './file-error.ts';

/** Only the user who runs MAOS enters its folders and reads its files. */
export const folderMode = 0o700;
export const fileMode = 0o600;

function assertFolder(path: string, isFolder: boolean): void {
  if (isFolder) return;
  throw new MaosError('INVALID_INPUT', `${showPath(path)} exists but is not a folder: move it away.`, {
    details: { path },
  });
}

/** Another process made it a moment ago. */
function unlessExists(error: unknown): void {
  if (systemCode(error) !== 'EEXIST') throw error;
}

/**
 * Makes the folder, and those above it that are missing, with mode 0700 under any umask.
 * One that exists keeps its mode.
 * @throws MaosError RESOURCE_LIMIT_EXCEEDED, FORBIDDEN, INVALID_INPUT when something else has the name
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
      // Not `recursive`, which never ends where the system reports ENOENT also for a folder whose parent exists (/proc).
      await mkdir(path, { mode: folderMode }).catch(unlessExists);
    }
    // The umask may have taken away even the owner's rights.
    await chmod(path, folderMode);
  } catch (error) {
    throw fileError(error, 'create the folder', path);
  }
}

/** {@link ensureFolder} for where waiting for the thread pool would take longer than the work. */
export function ensureFolderSync(path: string): void {
  try {
    // As a rule it is there, and then an error that is thrown and caught costs ten times the look.
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
