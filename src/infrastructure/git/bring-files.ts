import { constants } from 'node:fs';
import { copyFile, cp, lstat, mkdir, readlink, realpath, symlink } from 'node:fs/promises';
import { join, sep } from 'node:path';
import { MaosError, quote, showPath } from '../../domain/errors.ts';
import { fileError, systemCode } from '../files/disk/file-error.ts';
import { bytesOfName, joinBytes, textOfName } from '../files/disk/file-names.ts';
import type { Repository } from './repository.ts';
import { exists, ignoreMissing } from './worktree-places.ts';

/** Patterns of ignored files that every worktree gets; Claude Code reads the same file. */
const includeFile = '.worktreeinclude';
/** Number of files copied in parallel. */
const atOnce = 16;

/**
 * Copies files of the user's checkout that its repository does not have, by patterns as in `.gitignore`, and the ignored
 * ones that its `.worktreeinclude` matches. Leaves what is already there.
 * @param checkout opened at its top
 * @returns what was copied, relative to the folder, with every byte of the names kept
 */
export async function copyFiles(
  checkout: Repository,
  folder: string,
  patterns: readonly string[],
  signal: AbortSignal | undefined,
): Promise<string[]> {
  for (const pattern of patterns)
    assertInside('copy', pattern, pattern.startsWith('/') ? pattern.slice(1) : pattern);
  const paths = new Set([
    ...(patterns.length === 0
      ? []
      : await matching(
          checkout,
          patterns.map((pattern) => `--exclude=${pattern}`),
        )),
    ...(await included(checkout)),
  ]);
  const folders = new Set<string>();
  const all = [...paths];
  const copied: string[] = [];
  for (let at = 0; at < all.length; at += atOnce) {
    signal?.throwIfAborted();
    const group = all.slice(at, at + atOnce);
    for (const path of group) await makeParents(folder, path, folders, 'copy');
    const done = await Promise.all(group.map((path) => copyEntry(checkout.folder, folder, path)));
    copied.push(...group.filter((_, index) => done[index]).map((path) => path.replace(/\/$/, '')));
  }
  return copied;
}

/** Untracked files, ignored or not, that the patterns match. */
function matching(checkout: Repository, excludes: readonly string[]): Promise<string[]> {
  return checkout.names(['ls-files', '-z', '--others', '--ignored', ...excludes]);
}

async function included(checkout: Repository): Promise<string[]> {
  const file = join(checkout.folder, includeFile);
  if (!(await exists(file))) return [];
  const paths = await matching(checkout, [`--exclude-from=${file}`]);
  return ignoredOf(checkout, paths);
}

/** Those paths that git ignores. */
export async function ignoredOf(repository: Repository, paths: readonly string[]): Promise<string[]> {
  if (paths.length === 0) return [];
  const input = Buffer.concat(paths.map((path) => Buffer.concat([bytesOfName(path), Buffer.from([0])])));
  const args = ['check-ignore', '-z', '--stdin'];
  const { status, stdout } = await repository.run(args, { input });
  // 1: none of them.
  if (status === 1) return [];
  if (status !== 0) return repository.names(args, { input });
  return stdout.toString('latin1').split('\0').slice(0, -1);
}

/**
 * Links files and folders of the user's checkout. Leaves what is already there.
 * @param top of the checkout
 * @returns what was linked, relative to the folder
 */
export async function linkFiles(top: string, folder: string, paths: readonly string[]): Promise<string[]> {
  const linked: string[] = [];
  for (const path of paths) {
    const clean = path.replace(/^\.\//, '').replace(/\/+$/, '');
    assertInside('link', path, clean);
    const target = join(top, clean);
    const real = await realpath(target).catch((error: unknown) => {
      if (systemCode(error) !== 'ENOENT') throw fileError(error, 'link', target);
      throw new MaosError(
        'INVALID_INPUT',
        `${quote(path)} cannot be linked into the worktree: ${showPath(target)} does not exist. Create it, or take it out of \`link\`.`,
        { details: { path, target } },
      );
    });
    if (!real.startsWith(top + sep)) {
      throw new MaosError(
        'INVALID_INPUT',
        `${quote(path)} cannot be linked into the worktree: ${showPath(target)} leads to ${showPath(real)}, outside of the repository.`,
        { details: { path, target: real } },
      );
    }
    const name = Buffer.from(clean).toString('latin1');
    await makeParents(folder, name, new Set(), 'link');
    const made = await symlink(target, join(folder, clean)).then(() => true, unlessExists);
    if (made) linked.push(name);
  }
  return linked;
}

function assertInside(field: string, written: string, path: string): void {
  const isInside =
    path !== '' && !path.startsWith('/') && !path.split('/').includes('..') && !path.includes('\0');
  if (isInside) return;
  throw new MaosError(
    'INVALID_INPUT',
    `${quote(written)} in \`${field}\` of the worktree is not a path inside the repository. Write it relative to the top of the repository, without "..".`,
    { details: { field, path: written } },
  );
}

/** Makes the folders above a path, never through a link, which could lead out of the worktree. */
async function makeParents(folder: string, path: string, known: Set<string>, field: string): Promise<void> {
  const names = path.replace(/\/$/, '').split('/').slice(0, -1);
  for (let count = 1; count <= names.length; count++) {
    const parent = names.slice(0, count).join('/');
    if (known.has(parent)) continue;
    const at = joinBytes(folder, bytesOfName(parent));
    await mkdir(at).catch(unlessExists);
    if (!(await lstat(at)).isDirectory()) {
      const shown = quote(textOfName(bytesOfName(path)));
      throw new MaosError(
        'INVALID_INPUT',
        `${shown} of \`${field}\` cannot be brought into the worktree: ${quote(textOfName(bytesOfName(parent)))} is not a folder there.`,
        { details: { field, path } },
      );
    }
    known.add(parent);
  }
}

/** @returns whether it was copied */
async function copyEntry(top: string, folder: string, path: string): Promise<boolean> {
  const name = bytesOfName(path.replace(/\/$/, ''));
  const [from, to] = [joinBytes(top, name), joinBytes(folder, name)];
  const found = await lstat(from).catch(ignoreMissing);
  try {
    if (found?.isSymbolicLink()) {
      await symlink(await readlink(from, { encoding: 'buffer' }), to);
    } else if (found?.isDirectory()) {
      // A repository inside the repository, which git shows as a whole.
      if (await exists(to)) return false;
      const options = { recursive: true, verbatimSymlinks: true, mode: constants.COPYFILE_FICLONE };
      await cp(from.toString(), to.toString(), options);
    } else if (found?.isFile()) {
      await copyFile(from, to, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE);
    } else {
      return false;
    }
    return true;
  } catch (error) {
    if (systemCode(error) === 'EEXIST') return false;
    throw fileError(error, 'copy', from.toString());
  }
}

function unlessExists(error: unknown): false {
  if (systemCode(error) !== 'EEXIST') throw error;
  return false;
}
