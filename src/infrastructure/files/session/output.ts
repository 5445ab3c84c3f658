import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';
import { lstat } from 'node:fs/promises';
import { join } from 'node:path';
import type { OutputPage, OutputStream } from '../../../application/ports/agent-disk.ts';
import { MaosError } from '../../../domain/errors.ts';
import { fileError, isMissing } from '../disk/file-error.ts';

/** Maximum size of one page, even if a caller asks for more. */
const largestPage = 16 * 1024 * 1024;

/** Refuses links, which an agent may have created, and does not block on a named pipe. */
export const safeRead = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;

function assertWhole(name: string, value: number, least: number): void {
  if (Number.isSafeInteger(value) && value >= least) return;
  throw new MaosError('INVALID_INPUT', `${name} is ${value}: it must be a whole number, ${least} or more.`, {
    details: { [name]: value },
  });
}

/**
 * Reads a part of a growing file.
 * @param from offset of the first byte; a negative one counts from the end; beyond the end the page is empty
 * @param maxBytes at most 16 MiB are returned
 * @returns an empty page with size 0 when the file does not exist
 * @throws MaosError INVALID_INPUT for an offset that is not a whole number, FORBIDDEN for a link
 */
export async function readPage(path: string, from: number, maxBytes: number): Promise<OutputPage> {
  assertWhole('from', from, Number.MIN_SAFE_INTEGER);
  assertWhole('maxBytes', maxBytes, 0);
  try {
    // Synchronous: the content is mostly in memory, and the thread pool takes many times longer than a read.
    const file = openSync(path, safeRead);
    try {
      const { size } = fstatSync(file);
      const start = from < 0 ? Math.max(0, size + from) : Math.min(from, size);
      const bytes = Buffer.alloc(Math.min(maxBytes, size - start, largestPage));
      let length = 0;
      while (length < bytes.length) {
        const bytesRead = readSync(file, bytes, length, bytes.length - length, start + length);
        // The file was truncated meanwhile.
        if (bytesRead === 0) break;
        length += bytesRead;
      }
      return { bytes: bytes.subarray(0, length), start, size };
    } finally {
      closeSync(file);
    }
  } catch (error) {
    if (isMissing(error)) return { bytes: new Uint8Array(0), start: 0, size: 0 };
    throw fileError(error, 'read', path);
  }
}

/** When one of an agent's logs last grew, or the one of this stream; null while they are empty or missing. */
export async function lastOutputAt(folder: string, stream?: OutputStream): Promise<string | null> {
  const streams = stream === undefined ? (['stdout', 'stderr'] as const) : [stream];
  const times = await Promise.all(
    streams.map(async (name) => {
      const path = join(folder, `${name}.log`);
      try {
        const { size, mtimeMs } = await lstat(path);
        return size === 0 ? 0 : mtimeMs;
      } catch (error) {
        if (isMissing(error)) return 0;
        throw fileError(error, 'read', path);
      }
    }),
  );
  const newest = Math.max(...times);
  return newest === 0 ? null : new Date(newest).toISOString();
}
