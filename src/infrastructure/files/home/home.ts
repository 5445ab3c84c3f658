import { createHash } from 'node:crypto';
import { accessSync, constants, realpathSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { startOf } from '../../../domain/cut-text.ts';
import { MaosError } from '../../../domain/errors.ts';
import { fileError, isMissing, showPath, systemCode } from '../disk/file-error.ts';
import { ensureFolderSync } from '../disk/folders.ts';

/**
 * Creates the home folder. An existing one keeps its mode, because others may need to enter it, as with `/tmp`; what
 * MAOS creates in it is private.
 * @returns its mode if others may enter it; null otherwise
 * @throws MaosError CONFIG_INVALID when it cannot be created or belongs to another user; the message names MAOS_HOME
 */
export function ensureHome(home: string): { readonly openToOthers: number | null } {
  try {
    ensureFolderSync(home);
    accessSync(home, constants.R_OK | constants.W_OK | constants.X_OK);
    const { mode, uid } = statSync(home);
    const self = process.getuid?.() ?? 0;
    if (self !== 0 && uid !== self) {
      throw new MaosError('FORBIDDEN', `The folder ${showPath(home)} belongs to another user.`, {
        details: { path: home, uid },
      });
    }
    // Windows ignores modes: the access list of the user's profile protects the folder.
    const isOpen = (mode & 0o077) !== 0 && process.platform !== 'win32';
    return { openToOthers: isOpen ? mode & 0o777 : null };
  } catch (error) {
    const cause = fileError(error, 'use', home);
    throw new MaosError('CONFIG_INVALID', `${cause.message} Or set MAOS_HOME to another folder.`, {
      details: { ...cause.details, variable: 'MAOS_HOME' },
      cause: error,
    });
  }
}

function invalidProject(path: string, wrong: string, advice: string, cause?: unknown): MaosError {
  return new MaosError(
    'INVALID_INPUT',
    `The project folder ${showPath(startOf(path, 1_000))} ${wrong}: ${advice}.`,
    {
      details: { path: startOf(path, 1_000) },
      cause,
    },
  );
}

/**
 * Identifies a project: SHA-256, as 64 hex digits, of its canonical path (no links, no `..`).
 * @throws MaosError INVALID_INPUT when the folder does not exist, is not a folder, or cannot be read
 */
export function workspaceHash(path: string): string {
  return hashOf(canonicalProject(path));
}

/** Like {@link workspaceHash}, for a path that is already canonical; the folder may be missing. */
export function hashOf(canonicalPath: string): string {
  return createHash('sha256').update(canonicalPath).digest('hex');
}

/**
 * Resolves links in the path of a project.
 * @throws MaosError INVALID_INPUT as {@link workspaceHash}
 */
export function canonicalProject(path: string): string {
  if (path === '' || path.includes('\0'))
    throw invalidProject(path, 'is not a path', 'give the path of a folder');
  try {
    const canonical = realpathSync.native(path);
    if (!statSync(canonical).isDirectory()) {
      throw invalidProject(path, 'is not a folder', 'give the folder that holds the project');
    }
    accessSync(canonical, constants.R_OK | constants.X_OK);
    return canonical;
  } catch (error) {
    if (error instanceof MaosError) throw error;
    const code = systemCode(error);
    if (isMissing(error)) {
      throw invalidProject(path, 'does not exist', 'check the spelling, or create it first', error);
    }
    if (code === 'EACCES' || code === 'EPERM') {
      throw invalidProject(
        path,
        'cannot be read by this user',
        'add read and search permission (chmod u+rx)',
        error,
      );
    }
    if (code === 'ELOOP') throw invalidProject(path, 'is a loop of links', 'give the folder itself', error);
    if (code === 'ENAMETOOLONG')
      throw invalidProject(path, 'has too long a name', 'give the path of a folder', error);
    throw fileError(error, 'read the project folder', path);
  }
}

/**
 * The folder for a project's data; it may be missing.
 * @throws MaosError INVALID_INPUT when `hash`, which becomes the folder's name, is not a workspace hash
 */
export function projectFolder(home: string, hash: string): string {
  if (!/^[0-9a-f]{64}$/.test(hash)) {
    throw new MaosError(
      'INVALID_INPUT',
      `${showPath(startOf(hash, 80))} is not a workspace hash: it must be 64 hex digits.`,
      {
        details: { value: startOf(hash, 200) },
      },
    );
  }
  return join(home, 'projects', hash);
}

/** Like {@link projectFolder}, but creates the folder. */
export function ensureProjectFolder(home: string, hash: string): string {
  const folder = projectFolder(home, hash);
  ensureFolderSync(folder);
  return folder;
}
