import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { setImmediate } from 'node:timers/promises';
import { atNextBeat } from './beat.ts';
import { retryWhileBusy } from './retry-while-busy.ts';

export interface FollowedFile {
  /** The file may have grown. Cheap, however often it is called. */
  poke(): void;
  /** Bytes in the file, as far as known by events and the last poll; those of a deleted file too. Costs nothing. */
  size(): number;
  /** Delivers what is there by now and closes the file. To be called once, last. */
  finish(): Promise<void>;
}

export interface FollowOptions {
  /** Offset of the first byte to deliver. */
  readonly from: number;
  /** Called in order with each piece of at most 64 KiB; the piece is the receiver's own. */
  readonly deliver: (chunk: Uint8Array) => void;
  /** What is wrong with the file, and which part of it is therefore not delivered. */
  readonly onProblem: (problem: string, cause?: unknown) => void;
}

const pieceBytes = 64 * 1024;
/** Pause after the end was reached: an agent that prints letter by letter costs a hundred reads a second, not more. */
const pauseMs = 10;
/** Sizes are compared this often, for file systems that send no events. */
const pollMs = 2_000;

/** One for all: what is read is copied at once. */
const buffer = Buffer.allocUnsafeSlow(pieceBytes);

/**
 * Delivers a file that grows, piece by piece. It is held open, so renaming or deleting it loses nothing here; but
 * a later reader does not find it, so a deletion is reported as a problem.
 * A file that shrinks has lost bytes for good: that is a problem, and what is written later begins at its start.
 */
export async function followFile(path: string, options: FollowOptions): Promise<FollowedFile> {
  const { deliver, onProblem } = options;
  let offset = options.from;
  let file: number | null = null;
  let reading: Promise<void> | null = null;
  let again = false;
  let timer: NodeJS.Timeout | null = null;
  let size = 0;
  let isGone = false;
  let stopPolling = (): void => {};

  try {
    file = await retryWhileBusy(async () => openSync(path, 'r'));
  } catch (error) {
    onProblem(`${path} cannot be opened.`, error);
  }

  function giveUp(problem: string, cause?: unknown): void {
    onProblem(problem, cause);
    close();
  }

  function close(): void {
    const closing = file;
    file = null;
    if (timer !== null) clearTimeout(timer);
    stopPolling();
    if (closing !== null) closeSync(closing);
  }

  async function readTo(end: number): Promise<void> {
    try {
      while (file !== null && offset < end) {
        // Synchronous: what was just written is in memory, and asking the thread pool takes longer than copying it.
        const bytesRead = readSync(file, buffer, 0, pieceBytes, offset);
        if (bytesRead === 0) break;
        offset += bytesRead;
        deliver(Buffer.from(buffer.subarray(0, bytesRead)));
        if (bytesRead === pieceBytes) await setImmediate();
      }
    } catch (error) {
      giveUp(`${path} cannot be read beyond byte ${offset}.`, error);
    }
  }

  async function round(): Promise<void> {
    again = false;
    await readTo(Number.POSITIVE_INFINITY);
    reading = null;
    if (file === null) return;
    timer = setTimeout(() => {
      timer = null;
      if (again) poke();
    }, pauseMs);
  }

  function poke(): void {
    again = true;
    if (file !== null && reading === null && timer === null) reading = round();
  }

  /** The size now; null after it turned out that nothing more can be read. */
  function checkSize(): number | null {
    if (file === null) return null;
    try {
      const stat = fstatSync(file);
      size = stat.size;
      if (stat.nlink === 0 && !isGone) {
        isGone = true;
        onProblem(`${path} was deleted. MAOS reads it to its end, but it cannot be read again later.`);
      }
      if (size < offset) {
        onProblem(`${path} was truncated to ${size} bytes after ${offset} bytes had been read.`);
        offset = 0;
      }
      return size;
    } catch (error) {
      giveUp(`${path} cannot be read beyond byte ${offset}.`, error);
    }
    return null;
  }

  function poll(): void {
    if ((checkSize() ?? 0) > offset) poke();
    if (file !== null) stopPolling = atNextBeat(pollMs, poll);
  }
  poll();

  return {
    poke,
    size: () => Math.max(size, offset),
    async finish() {
      await reading;
      if (timer !== null) clearTimeout(timer);
      // Not beyond the present size: a process that could not be ended may write for ever.
      const end = checkSize();
      if (end !== null) await readTo(end);
      close();
    },
  };
}
