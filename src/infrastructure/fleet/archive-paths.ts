import { lstatSync, mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { MaosError, quote } from '../../domain/errors.ts';
import { fileError } from '../files/disk/file-error.ts';

/* Paths in archives from other machines. */

const maxLength = 4_096;

/** Whether a path leads from a folder to something below it, by names only. */
export function isPlainPath(path: string): boolean {
  if (path.length > maxLength || /[\0\\]/.test(path)) return false;
  return path.split('/').every((part) => part !== '' && part !== '.' && part !== '..');
}

/** Makes the folders above a path. Refuses a link among them, which an agent may have made. */
export function makeFoldersAbove(base: string, path: string): void {
  const above = dirname(path);
  if (above === '.') return;
  const folders = above.split('/');
  for (const [index] of folders.entries()) {
    const folder = join(base, ...folders.slice(0, index + 1));
    try {
      mkdirSync(folder, { mode: 0o700 });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw fileError(error, 'create', folder);
      if (!lstatSync(folder).isDirectory())
        throw refusedFile(path, 'leads through something that is not a folder');
    }
  }
}

export function refusedFile(path: string, why: string): MaosError {
  return new MaosError('FORBIDDEN', `The file ${quote(path)} from another machine is refused: it ${why}.`);
}
