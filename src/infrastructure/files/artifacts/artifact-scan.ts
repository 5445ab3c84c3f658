import { createHash } from 'node:crypto';
import { type Dirent, lstatSync, opendirSync, type Stats } from 'node:fs';
import { lstat, open } from 'node:fs/promises';
import type { FileDigest, FoundFile } from '../../../application/ports/agent-disk.ts';
import { isTemporaryName } from '../disk/atomic.ts';
import { isMissing, systemCode } from '../disk/file-error.ts';
import { bytesOfName, joinBytes, nameEncoding, textOfName } from '../disk/file-names.ts';
import { safeRead } from '../session/output.ts';

/** Maximum number of files, and of folders, in one scan: an agent that unpacks a toolchain must not stall its session. */
const scanLimit = 10_000;
/** After this many folders the scan yields to the event loop. */
const foldersAtOnce = 32;
const hashBufferBytes = 256 * 1024;
/** A file with more unwritten bytes than this is a disk image or similar; hashing its zeros could take hours. */
const maxHoles = 2 ** 30;

export interface ScanOptions {
  readonly skip?: (folder: string) => boolean;
  readonly limit?: number;
}

type ScannedFile = Omit<FoundFile, 'owner'>;

export interface Scan {
  /** Sorted by path. */
  readonly files: readonly ScannedFile[];
  /** What was skipped although it should have been scanned, for people: "results: 10000 files, the rest ...". */
  readonly notes: readonly string[];
}

/**
 * All regular files in the folders and below; if there are more than {@link scanLimit}, those nearest the top. Skips
 * links, special files, files that are being written, and files that disappear meanwhile.
 *
 * @param base the folder that paths are relative to
 * @param folders relative to `base`, with `/` between parts; may be missing
 * @param options `skip`: folders not to enter; `limit`: maximum number of files, and of folders
 */
export async function scanFiles(
  base: string,
  folders: readonly string[],
  { skip = () => false, limit = scanLimit }: ScanOptions = {},
): Promise<Scan> {
  const files: ScannedFile[] = [];
  const notes: string[] = [];
  const queue = folders.map((path): Place => ({ path, at: joinBytes(base, Buffer.from(path)) }));
  for (let index = 0; index < queue.length; index++) {
    const folder = queue[index] as Place;
    // Synchronous: most folders are empty or small, and the thread pool takes many times longer than reading them.
    if (index % foldersAtOnce === foldersAtOnce - 1) await new Promise((resolve) => setImmediate(resolve));
    for (const entry of entriesOf(folder, notes)) {
      const bytes = bytesOfName(entry.name);
      const name = textOfName(bytes);
      const path = `${folder.path}/${name}`;
      const at = joinBytes(folder.at, bytes);
      if (entry.isDirectory() && skip(path)) continue;
      if (entry.isDirectory() && queue.length < limit) queue.push({ path, at });
      else if (entry.isDirectory() || files.length >= limit) {
        notes.push(`artifacts: more than ${limit} files or folders; those after ${path} are not listed`);
        return { files: files.sort(byPath), notes };
      } else if (entry.isFile() && !isBeingWritten(name)) {
        const found = foundFile({ path, at }, notes);
        if (found !== null) files.push(found);
      }
    }
  }
  return { files: files.sort(byPath), notes };
}

/**
 * Temporary names that Claude Code renames when a file is complete: `spec.md.tmp.4711.0cc228d59823`, elsewhere
 * `spec.md.tmp.0cc228d5` (observed with 2.1.330).
 */
const toBeRenamed = /\.tmp\.(?:\d+\.[0-9a-f]{12}|[0-9a-f]{8})$/;

function isBeingWritten(name: string): boolean {
  return isTemporaryName(name) || toBeRenamed.test(name);
}

function byPath(a: ScannedFile, b: ScannedFile): number {
  return a.path < b.path ? -1 : 1;
}

/** The relative path as text, and the absolute path in bytes. */
interface Place {
  readonly path: string;
  readonly at: Buffer;
}

function* entriesOf({ path, at }: Place, notes: string[]): Generator<Dirent> {
  try {
    // lstat first, because opendir would follow a link that replaced the folder.
    if (!lstatSync(at).isDirectory()) return;
    // The type lacks bytes for a path, but Node accepts them.
    const entries = opendirSync(at as unknown as string, { bufferSize: 256, encoding: nameEncoding });
    try {
      for (let entry = entries.readSync(); entry !== null; entry = entries.readSync()) yield entry;
    } finally {
      entries.closeSync();
    }
  } catch (error) {
    if (isMissing(error)) return;
    notes.push(`artifacts: ${path} cannot be read (${systemCode(error) ?? String(error)})`);
  }
}

function foundFile({ path, at }: Place, notes: string[]): ScannedFile | null {
  try {
    const stats = lstatSync(at);
    if (!stats.isFile()) return null;
    const holes = stats.size - stats.blocks * 512;
    if (holes > maxHoles) {
      notes.push(`artifacts: ${path} is not recorded: ${holes} of its ${stats.size} bytes are holes`);
      return null;
    }
    const modifiedAt = stats.mtime.toISOString();
    return { path, sizeBytes: stats.size, modifiedAt, digest: (signal) => digestFile(at, signal) };
  } catch {
    // Removed since it was listed, or with too long a path to open: not readable for anyone.
    return null;
  }
}

/**
 * Size and hash of the file; null when it is missing, unreadable or not a regular file.
 * @param signal when it aborts first, the result is null too
 */
export async function digestFile(path: string | Buffer, signal?: AbortSignal): Promise<FileDigest | null> {
  try {
    const file = await open(path, safeRead);
    try {
      const stats = await file.stat();
      if (!stats.isFile()) return null;
      const hash = createHash('sha256');
      const buffer = Buffer.alloc(Math.min(hashBufferBytes, stats.size + 1));
      let sizeBytes = 0;
      // Only up to the initial size, so that a file that is written faster than it is read ends as well.
      while (sizeBytes < stats.size) {
        if (signal?.aborted) return null;
        const wanted = Math.min(buffer.length, stats.size - sizeBytes);
        const { bytesRead } = await file.read(buffer, 0, wanted, sizeBytes);
        if (bytesRead === 0) break;
        hash.update(buffer.subarray(0, bytesRead));
        sizeBytes += bytesRead;
      }
      return { sizeBytes, sha256: hash.digest('hex'), isSteady: isSame(stats, await lstat(path)) };
    } finally {
      await file.close();
    }
  } catch {
    // Missing, not readable, or replaced by a link: not an artifact any more, for which the port requires null.
    return null;
  }
}

function isSame(before: Stats, after: Stats): boolean {
  return before.ino === after.ino && before.size === after.size && before.mtimeMs === after.mtimeMs;
}
