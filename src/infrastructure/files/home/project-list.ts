import { statSync } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { isSessionId, type SessionId } from '../../../domain/ids.ts';
import { fileError, isMissing } from '../disk/file-error.ts';
import { projectFolder } from './home.ts';

/** Hashes of the projects that have a folder, most recently used database first. @throws MaosError FORBIDDEN … */
export async function projectHashes(
  home: string,
  storeFile: (hash: string) => string,
): Promise<readonly string[]> {
  const names = (await namesIn(join(home, 'projects'))).filter((name) => /^[0-9a-f]{64}$/.test(name));
  const dated = await Promise.all(
    names.map(async (hash) => ({
      hash,
      // If the store is missing or unreadable, opening the project reports why.
      usedAt: await stat(storeFile(hash)).then(
        ({ mtimeMs }) => mtimeMs,
        () => 0,
      ),
    })),
  );
  return dated.sort((a, b) => b.usedAt - a.usedAt).map(({ hash }) => hash);
}

/** Sessions of a project that have a folder, oldest first. @throws MaosError FORBIDDEN … */
export async function sessionFolders(home: string, hash: string): Promise<readonly SessionId[]> {
  return (await namesIn(join(projectFolder(home, hash), 'sessions'))).filter(isSessionId).sort();
}

/**
 * Whether the path exists. Synchronous, because every request calls this: stat takes microseconds, while the thread
 * pool waits for a free core.
 * @throws MaosError FORBIDDEN … when that cannot be determined
 */
export function isThere(path: string): boolean {
  try {
    return statSync(path, { throwIfNoEntry: false }) !== undefined;
  } catch (error) {
    if (isMissing(error)) return false;
    throw fileError(error, 'inspect', path);
  }
}

async function namesIn(folder: string): Promise<readonly string[]> {
  try {
    return await readdir(folder);
  } catch (error) {
    if (isMissing(error)) return [];
    throw fileError(error, 'read the folder', folder);
  }
}
