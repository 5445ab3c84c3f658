import { constants, type FileHandle, lstat, open, readlink, realpath } from 'node:fs/promises';
import { join, sep } from 'node:path';
import { startOf } from '../../../domain/cut-text.ts';
import { MaosError, quote } from '../../../domain/errors.ts';
import { fileError, isMissing, systemCode } from '../disk/file-error.ts';
import { bytesOfPath, joinBytes } from '../disk/file-names.ts';

const longestPath = 4_096;
/** The folders of a session whose files can be read. */
const openFolders = ['shared', 'results'];
/** Does not block on a named pipe. */
const openFlags = constants.O_RDONLY | constants.O_NONBLOCK;

function refused(path: string, why: string): MaosError {
  return new MaosError(
    'FORBIDDEN',
    `Artifact ${quote(path)} ${why}: only files in shared/ and results/ can be read.`,
    {
      details: { path: startOf(path, 200) },
    },
  );
}

function unusable(path: string, why: string, more: { readonly problem?: 'not_found' } = {}): MaosError {
  return new MaosError(
    'INVALID_INPUT',
    `Artifact ${quote(path)} ${why}: give a path such as results/reviewer/report.md.`,
    {
      details: { path: startOf(path, 200), ...more },
    },
  );
}

/** @throws MaosError FORBIDDEN for a path outside the readable folders, INVALID_INPUT for an invalid one */
function checkedParts(path: string): readonly string[] {
  if (path === '' || path.length > longestPath) throw unusable(path, `has ${path.length} characters`);
  if (path.includes('\0')) throw unusable(path, 'contains a NUL character');
  if (path.startsWith('/') || /^[A-Za-z]:/.test(path)) throw refused(path, 'is an absolute path');
  const parts = path.split('/');
  if (parts.includes('..')) throw refused(path, "contains '..'");
  if (sep === '\\' && path.includes('\\')) throw refused(path, 'contains a backslash');
  if (parts.includes('') || parts.includes('.')) throw unusable(path, "has an empty part or a '.'");
  if (!openFolders.includes(parts[0] as string)) throw refused(path, 'is outside them');
  if (parts.length < 2) throw unusable(path, 'is a folder');
  return parts;
}

/**
 * Reads one file of a session.
 *
 * @param folder the session's folder
 * @param path relative, with `/` between parts, below `shared/` or `results/`
 * @throws MaosError FORBIDDEN when the path, or a link on it, leads out of those folders; INVALID_INPUT when the path
 *   is invalid, missing or not a regular file; RESOURCE_LIMIT_EXCEEDED when the file is larger than `maxBytes`
 */
export async function readArtifactFile(folder: string, path: string, maxBytes: number): Promise<Uint8Array> {
  const parts = checkedParts(path);
  try {
    const file = await openNamed(folder, parts);
    try {
      await assertInside(file, folder, parts, path);
      return await readWhole(file, path, maxBytes);
    } finally {
      await file.close();
    }
  } catch (error) {
    if (isMissing(error)) {
      throw unusable(path, 'does not exist, or no longer does', { problem: 'not_found' });
    }
    // A socket, or a device without a driver.
    if (systemCode(error) === 'ENXIO') throw unusable(path, 'is not a regular file');
    if (systemCode(error) === 'ENAMETOOLONG') throw unusable(path, 'has too long a name');
    if (systemCode(error) === 'ELOOP') throw refused(path, 'is a loop of links');
    throw fileError(error, 'read', join(folder, ...parts));
  }
}

/** Opens a name that is not UTF-8 by its recorded form; see file-names.ts. */
async function openNamed(folder: string, parts: readonly string[]): Promise<FileHandle> {
  try {
    return await open(join(folder, ...parts), openFlags);
  } catch (error) {
    const bytes = isMissing(error) ? bytesOfPath(parts.join('/')) : null;
    if (bytes === null) throw error;
    return open(joinBytes(folder, bytes), openFlags);
  }
}

/**
 * Problem: an agent can put a link anywhere in its folders, and swap it between a check and the opening.
 * Solution: open first, then check where the open file is. Linux tells that for the handle. Elsewhere the path is
 * resolved again, which a link swapped twice within microseconds could deceive. That is acceptable, because an agent
 * gains nothing: it runs as the same user and could copy the file.
 */
async function assertInside(
  file: FileHandle,
  folder: string,
  parts: readonly string[],
  path: string,
): Promise<void> {
  const root = join(await realpath(folder), parts[0] as string) + sep;
  const known = await pathOfHandle(file);
  const real = known ?? (await realpath(join(folder, ...parts)));
  if (!real.startsWith(root)) throw refused(path, 'is a link to a place outside');
  if (known !== null) return;
  const [opened, named] = await Promise.all([file.stat(), lstat(real)]);
  if (opened.dev !== named.dev || opened.ino !== named.ino)
    throw refused(path, 'was replaced while being opened');
}

async function pathOfHandle(file: FileHandle): Promise<string | null> {
  if (process.platform !== 'linux') return null;
  try {
    return await readlink(`/proc/self/fd/${file.fd}`);
  } catch (error) {
    // A container without /proc.
    if (isMissing(error)) return null;
    throw error;
  }
}

async function readWhole(file: FileHandle, path: string, maxBytes: number): Promise<Uint8Array> {
  const stats = await file.stat();
  if (!stats.isFile()) throw unusable(path, stats.isDirectory() ? 'is a folder' : 'is not a regular file');
  if (stats.size > maxBytes) {
    throw new MaosError(
      'RESOURCE_LIMIT_EXCEEDED',
      `Artifact ${quote(path)} has ${stats.size} bytes; at most ${maxBytes} can be read this way: open the file itself.`,
      { details: { path: startOf(path, 200), sizeBytes: stats.size, limitBytes: maxBytes } },
    );
  }
  const bytes = Buffer.alloc(stats.size);
  let length = 0;
  while (length < bytes.length) {
    const { bytesRead } = await file.read(bytes, length, bytes.length - length, length);
    // The file was truncated meanwhile.
    if (bytesRead === 0) break;
    length += bytesRead;
  }
  return bytes.subarray(0, length);
}
