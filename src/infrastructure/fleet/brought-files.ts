import { lstat, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { packTar, unpackTar } from 'modern-tar';
import { MaosError } from '../../domain/errors.ts';
import { scanFiles } from '../files/artifacts/artifact-scan.ts';
import { fileError, systemCode } from '../files/disk/file-error.ts';
import { copyFiles } from '../git/bring-files.ts';
import { openRepository, type Repository } from '../git/repository.ts';
import { withScratch } from '../git/scratch.ts';
import { isPlainPath, makeFoldersAbove, refusedFile } from './archive-paths.ts';

/** Maximum size of all files together. */
const maxBytes = 256 * 1024 * 1024;

/**
 * Packs the files of the user's checkout that a worktree gets besides those of its commit. Links are left out.
 * @param patterns of `copy`; what `.worktreeinclude` names is added
 * @param scratch see {@link withScratch}
 * @returns null if there are none
 * @throws MaosError RESOURCE_LIMIT_EXCEEDED, INVALID_INPUT
 */
export async function packBrought(
  repository: Repository,
  patterns: readonly string[],
  scratch: string,
): Promise<Uint8Array | null> {
  const top = await repository.top();
  if (top === null) return null;
  const checkout = top === repository.folder ? repository : await openRepository(repository.git, top);
  return withScratch(scratch, async (folder) => {
    await mkdir(join(folder, 'files'));
    if ((await copyFiles(checkout, join(folder, 'files'), patterns, undefined)).length === 0) return null;
    const { files, notes } = await scanFiles(join(folder, 'files'), ['.']);
    const [note] = notes;
    if (note !== undefined) throw tooMuch(note);
    const entries = [];
    let total = 0;
    for (const { path } of files) {
      const name = path.replace(/^\.\//, '');
      if (isOfGit(name)) continue;
      const { mode, size } = await lstat(join(folder, 'files', name));
      total += size;
      if (total > maxBytes) throw tooMuch(`they are larger than ${maxBytes / 1024 / 1024} MiB`);
      const body = await readFile(join(folder, 'files', name));
      entries.push({ header: { name, size: body.length, mode: mode & 0o100 ? 0o700 : 0o600 }, body });
    }
    return entries.length === 0 ? null : packTar(entries);
  });
}

/**
 * Writes the files of an archive into a worktree, and nothing outside of it, whatever the archive says. Leaves what is
 * already there.
 * @returns what was written, see `WorktreeState.brought`
 * @throws MaosError FORBIDDEN
 */
export async function unpackBrought(archive: Uint8Array, folder: string): Promise<string[]> {
  const written: string[] = [];
  for (const { header, data } of await unpackTar(archive)) {
    const { name, type, mode } = header;
    if ((type ?? 'file') !== 'file' || data === undefined) throw refusedFile(name, 'is not a file');
    if (!isPlainPath(name) || isOfGit(name)) throw refusedFile(name, 'is outside the files of the worktree');
    makeFoldersAbove(folder, name);
    try {
      await writeFile(join(folder, name), data, { flag: 'wx', mode: (mode ?? 0) & 0o100 ? 0o700 : 0o600 });
    } catch (error) {
      if (systemCode(error) === 'EEXIST') continue;
      throw fileError(error, 'write', join(folder, name));
    }
    written.push(Buffer.from(name).toString('latin1'));
  }
  return written;
}

function tooMuch(why: string): MaosError {
  return new MaosError(
    'RESOURCE_LIMIT_EXCEEDED',
    `The files that "copy" names cannot be sent to another machine: ${why}. Name fewer of them.`,
  );
}

function isOfGit(path: string): boolean {
  return path.split('/').some((part) => part.toLowerCase() === '.git');
}
