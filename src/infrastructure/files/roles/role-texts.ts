import {
  closeSync,
  constants,
  type Dirent,
  fstatSync,
  openSync,
  readdirSync,
  readSync,
  realpathSync,
  statSync,
} from 'node:fs';
import { join, relative, sep } from 'node:path';
import type { RoleProblem } from '../../../application/ports/roles.ts';
import { toRoleName } from '../../../domain/roles/role.ts';
import { isMissing, systemCode } from '../disk/file-error.ts';

/** Maximum size of a file in bytes: its text must fit into one program argument (128 KiB on Linux). */
const maxRoleFileBytes = 64 * 1024;
/** Maximum number of files read for one catalogue. */
const maxRoleFiles = 200;
/** Limits for nested folders and total entries, in case a large tree was linked or copied by mistake. */
const maxDepth = 8;
const maxEntries = 5_000;

/** Shared by all reads; one byte larger than the limit, to detect larger files. */
const buffer = new Uint8Array(maxRoleFileBytes + 1);

/** Does not block on a named pipe, and does not follow a link that replaced the file meanwhile. */
const openFlags = constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOFOLLOW;

const noFile = 'it is not a regular file: remove it.';

export interface RoleText {
  readonly path: string;
  readonly text: string;
}

/** What may still be read, in all folders together. */
export class Allowance {
  files = maxRoleFiles;
  entries = maxEntries;
  /** Whether the excess has been reported. */
  told = false;
}

export interface RoleTexts {
  readonly texts: readonly RoleText[];
  readonly problems: readonly RoleProblem[];
}

/** A file that cannot be used, with the name of the role that it is probably meant to define. */
export function problemOf(path: string, message: string, name: string | null = nameFrom(path)): RoleProblem {
  return { path, name, message };
}

function isRoleFile(path: string): boolean {
  return path.toLowerCase().endsWith('.md');
}

/** The role that a file is named after; null when its name is not valid for a role. */
export function nameFrom(path: string): string | null {
  const stem = /([^/\\]+?)(?:\.md)?$/.exec(path)?.[1] ?? '';
  return toRoleName(stem) || null;
}

/**
 * Every `*.md` in a folder and below, sorted by name; none if the folder is missing. Skips links and special files.
 *
 * Synchronous: each step takes microseconds, the thread pool would need ten or more turns of the event loop per
 * request, and every plan that names a role waits for all files.
 * @param folder may itself be a link
 */
export function readRoleTexts(folder: string, allowance: Allowance): RoleTexts {
  const texts: RoleText[] = [];
  const problems: RoleProblem[] = [];
  const root = rootOf(folder);
  if (root !== null) readFolder(folder, 0);
  return { texts, problems };

  function readFolder(path: string, depth: number): void {
    for (const entry of entriesOf(path).toSorted((a, b) => (a.name < b.name ? -1 : 1))) {
      if (allowance.entries === 0) {
        exhausted(path);
        return;
      }
      allowance.entries -= 1;
      const child = join(path, entry.name);
      if (entry.isDirectory()) {
        if (depth < maxDepth) readFolder(child, depth + 1);
      } else if (entry.isSymbolicLink()) {
        passOver(child);
      } else if (isRoleFile(entry.name)) {
        if (allowance.files === 0) {
          exhausted(path);
          return;
        }
        allowance.files -= 1;
        const read = entry.isFile() ? readRoleText(child) : problemOf(child, noFile);
        if (typeof read === 'string') texts.push({ path: child, text: read });
        else if (read !== null) problems.push(read);
      }
    }
  }

  function entriesOf(path: string): readonly Dirent[] {
    try {
      return readdirSync(path, { withFileTypes: true });
    } catch (error) {
      if (!isMissing(error))
        problems.push(problemOf(path, `it cannot be read (${systemCode(error)}).`, null));
      return [];
    }
  }

  /** A link within the folder leads to files that are read anyway. */
  function passOver(path: string): void {
    const target = targetOf(path);
    if (target !== null && isWithin(target, root as string)) return;
    const isFolder = target !== null && isFolderAt(target);
    if (!isFolder && !isRoleFile(path)) return;
    const why = target === null ? 'a link to nothing' : 'a link out of its folder';
    const message = `it is ${why}, and MAOS does not follow such links: put the ${isFolder ? 'folder' : 'file'} itself there.`;
    problems.push(problemOf(path, message, isFolder ? null : nameFrom(path)));
  }

  function exhausted(path: string): void {
    if (allowance.told) return;
    allowance.told = true;
    const what = `at most ${maxRoleFiles} role files among ${maxEntries} entries are read`;
    problems.push(problemOf(path, `${what}, and the rest is ignored: remove some.`, null));
  }
}

/** With links resolved; null when it does not exist. */
function rootOf(folder: string): string | null {
  try {
    return realpathSync.native(folder);
  } catch (error) {
    // If it exists, reading it reports what is wrong.
    return isMissing(error) ? null : folder;
  }
}

function targetOf(link: string): string | null {
  try {
    return realpathSync.native(link);
  } catch {
    return null;
  }
}

function isFolderAt(path: string): boolean {
  try {
    return statSync(path).isDirectory();
  } catch {
    // Removed, or without permission: not a folder that could be put here.
    return false;
  }
}

/** The text of one file; null when it does not exist. */
export function readRoleText(path: string): string | RoleProblem | null {
  try {
    const file = openSync(path, openFlags);
    try {
      if (!fstatSync(file).isFile()) return problemOf(path, noFile);
      let length = 0;
      for (let read = -1; read !== 0 && length < buffer.length; length += read) {
        read = readSync(file, buffer, length, buffer.length - length, null);
      }
      if (length > maxRoleFileBytes) {
        return problemOf(path, `it is larger than ${maxRoleFileBytes / 1024} KiB: shorten it.`);
      }
      const text = new TextDecoder('utf-8', { fatal: true }).decode(buffer.subarray(0, length));
      return text.includes('\0') ? problemOf(path, 'it contains NUL characters: it must be text.') : text;
    } finally {
      closeSync(file);
    }
  } catch (error) {
    if (isMissing(error)) return null;
    if (error instanceof TypeError) return problemOf(path, 'it is not UTF-8 text: save it as UTF-8.');
    // A socket, or a link created after the folder was read.
    const code = systemCode(error);
    if (code === 'ENXIO' || code === 'ELOOP') return problemOf(path, noFile);
    return problemOf(path, `it cannot be read (${code ?? String(error)}): make it readable for this user.`);
  }
}

/** Both paths must be resolved. */
export function isWithin(path: string, folder: string): boolean {
  const way = relative(folder, path);
  return way === '' || (way !== '..' && !way.startsWith(`..${sep}`));
}
