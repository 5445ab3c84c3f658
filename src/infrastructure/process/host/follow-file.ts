import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { setImmediate } from 'node:timers/promises';
import { atNextBeat } from './beat.ts';
import { retryWhileBusy } from './retry-while-busy.ts';

export interface FollowedFile {
  /** Call when the file may have grown. Cheap. */
  poke(): void;
  /** Size of the file in bytes at the last event or poll, also after it was deleted. Makes no system call. */
  size(): number;
  /** Whether everything was delivered that the file held at the beginning. */
  isCaughtUp(): boolean;
  /** Delivers what the file holds now and closes it. Call it once, last. */
  finish(): Promise<void>;
}

export interface FollowOptions {
  /** Offset of the first byte to deliver. */
  readonly from: number;
  /** Called in order with pieces of at most 64 KiB, which the receiver may keep. */
  readonly deliver: (chunk: Uint8Array) => void;
  /** Reports what is wrong with the file and which part is therefore not delivered. */
  readonly onProblem: (problem: string, cause?: unknown) => void;
}

const pieceBytes = 64 * 1024;
/** Pause after the end was reached: an agent that prints single letters causes at most a hundred reads a second. */
const pauseMs = 10;
/** Sizes are compared at this interval, for file systems without change events. */
const pollMs = 2_000;

/** Shared by all files: every piece is copied out at once. */
const buffer = Buffer.allocUnsafeSlow(pieceBytes);

/**
 * Delivers a growing file piece by piece. The file stays open, so renaming or deleting it loses nothing here. A
 * deletion is reported anyway, because a later reader cannot find the file. When a file shrinks, the lost bytes are
 * reported, and reading continues from its start.
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
        // Synchronous: recently written data is in memory, and copying it is faster than a trip through the thread
        // pool.
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

  /** The current size; null when nothing more can be read. */
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
  const sizeBefore = size;
  let isCaughtUp = false;

  return {
    poke,
    isCaughtUp() {
      // Not undone by a truncation.
      isCaughtUp ||= file === null || offset >= sizeBefore;
      return isCaughtUp;
    },
    size: () => Math.max(size, offset),
    async finish() {
      await reading;
      if (timer !== null) clearTimeout(timer);
      // Only up to the current size: a process that could not be ended may write for ever.
      const end = checkSize();
      if (end !== null) await readTo(end);
      close();
    },
  };
}
