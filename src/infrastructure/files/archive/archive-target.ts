import { randomBytes } from 'node:crypto';
import { createWriteStream, type Stats } from 'node:fs';
import { access, link, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import type { ArchiveSink } from '../../../application/ports/maintenance.ts';
import { MaosError } from '../../../domain/errors.ts';
import { fileError, isMissing, showPath, systemCode } from '../disk/file-error.ts';
import { fileMode } from '../disk/folders.ts';

/** The destination of an archive. */
export interface ArchiveTarget {
  /** Absolute; null for a sink. */
  readonly path: string | null;
  /** Writes the whole stream. @returns the number of bytes */
  write(bytes: NodeJS.ReadableStream, signal: AbortSignal | undefined): Promise<number>;
  /** Call when all bytes are written. */
  finish(): Promise<void>;
  /** Call at the end, even after an error. */
  dispose(): Promise<void>;
}

/**
 * Checks the destination before anything is packed. A regular file gets its name only when it is complete; anything
 * else (a device, a pipe) is written directly and never replaced.
 * @throws MaosError INVALID_INPUT for a folder, a missing parent folder, or an existing file when `replace` is false
 */
export async function openTarget(to: string | ArchiveSink, replace: boolean): Promise<ArchiveTarget> {
  if (typeof to !== 'string') return sinkTarget(to);
  const found = await statIfThere(to);
  if (found?.isDirectory()) throw invalid(to, `${showPath(to)} is a folder: name the file in it.`);
  if (found !== null && !found.isFile()) return directTarget(to);
  if (found !== null && !replace) throw taken(to);
  const folder = await statIfThere(dirname(to));
  if (!folder?.isDirectory()) {
    throw invalid(
      to,
      `${showPath(dirname(to))} is not a folder: create it, or choose another with --output.`,
    );
  }
  return fileTarget(to, replace);
}

function sinkTarget(sink: ArchiveSink): ArchiveTarget {
  return {
    path: null,
    write: async (bytes, signal) => {
      let count = 0;
      const take = async (pieces: AsyncIterable<Uint8Array>): Promise<void> => {
        for await (const piece of pieces) {
          await sink(piece);
          count += piece.length;
        }
      };
      await pipeline(bytes, take, { signal });
      return count;
    },
    finish: async () => {},
    dispose: async () => {},
  };
}

function directTarget(path: string): ArchiveTarget {
  return {
    path,
    write: async (bytes, signal) => {
      const output = createWriteStream(path);
      await pipeline(bytes, output, { signal });
      return output.bytesWritten;
    },
    finish: async () => {},
    dispose: async () => {},
  };
}

function fileTarget(path: string, replace: boolean): ArchiveTarget {
  const temporary = join(dirname(path), `.${basename(path)}.${randomBytes(6).toString('hex')}.tmp`);
  return {
    path,
    write: async (bytes, signal) => {
      await pipeline(bytes, createWriteStream(temporary, { flags: 'wx', mode: fileMode, flush: true }), {
        signal,
      });
      return (await stat(temporary)).size;
    },
    finish: () => take(temporary, path, replace),
    dispose: () => rm(temporary, { force: true }),
  };
}

/** Unlike rename, link fails when the name is taken. */
async function take(temporary: string, to: string, replace: boolean): Promise<void> {
  if (replace) return rename(temporary, to);
  try {
    await link(temporary, to);
  } catch (error) {
    if (systemCode(error) === 'EEXIST') throw taken(to);
    // Some file systems have no hard links.
    if (await isThere(to)) throw taken(to);
    await rename(temporary, to);
  }
}

async function isThere(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}

async function statIfThere(path: string): Promise<Stats | null> {
  try {
    return await stat(path);
  } catch (error) {
    if (isMissing(error)) return null;
    throw fileError(error, 'write', path);
  }
}

function taken(path: string): MaosError {
  return invalid(path, `${showPath(path)} already exists: choose another name, or use --force.`);
}

function invalid(path: string, message: string): MaosError {
  return new MaosError('INVALID_INPUT', message, { details: { path } });
}
