import { type FileHandle, open } from 'node:fs/promises';
import { MaosError } from '../../../domain/errors.ts';
import type { RecordedEvent } from '../../../domain/events.ts';
import type { SessionId } from '../../../domain/ids.ts';
import { fileError, isMissing, showPath } from '../disk/file-error.ts';
import { fileMode } from '../disk/folders.ts';
import { Serial } from '../disk/serial.ts';

const newline = 0x0a;
const firstTailBytes = 64 * 1024;

/** The complete part of a log: `seq` of the last complete record, and the offset after it. */
interface Whole {
  readonly seq: number;
  readonly end: number;
}

/** The same record as in the table, with `seq` first so that people find their position. */
function lineOf({ seq, type, sessionId, agentId, at, data }: RecordedEvent): string {
  return `${JSON.stringify({ seq, type, sessionId, agentId, at, data })}\n`;
}

function seqOf(line: string): number | null {
  try {
    const record: unknown = JSON.parse(line);
    const seq = typeof record === 'object' && record !== null && 'seq' in record ? record.seq : null;
    return typeof seq === 'number' && Number.isSafeInteger(seq) && seq > 0 ? seq : null;
  } catch {
    // The caller looks for torn or damaged lines.
    return null;
  }
}

/** The last complete record in `bytes`; null when there is none. `end` is an offset in `bytes`. */
function lastWholeIn(bytes: Buffer, startsLine: boolean): Whole | null {
  let end = bytes.lastIndexOf(newline) + 1;
  while (end > 0) {
    const start = end < 2 ? 0 : bytes.lastIndexOf(newline, end - 2) + 1;
    if (start === 0 && !startsLine) return null;
    const seq = seqOf(bytes.toString('utf8', start, end - 1));
    if (seq !== null) return { seq, end };
    end = start;
  }
  return null;
}

async function findLastWhole(file: FileHandle, size: number): Promise<Whole> {
  for (let length = firstTailBytes; ; length *= 4) {
    const start = Math.max(0, size - length);
    const bytes = Buffer.alloc(size - start);
    const { bytesRead } = await file.read(bytes, 0, bytes.length, start);
    const found = lastWholeIn(bytes.subarray(0, bytesRead), start === 0);
    if (found !== null) return { seq: found.seq, end: start + found.end };
    if (start === 0) return { seq: 0, end: 0 };
  }
}

/**
 * The `session.log` of each session: its events as JSON lines. The database is authoritative and synced to disk. The
 * log is a copy for people and tools, written without sync; appending also brings it up to date and repairs it.
 */
export class SessionLogs {
  readonly #pathOf: (id: SessionId) => string;
  readonly #serial = new Serial<SessionId>();
  /** The end of each log when last read; valid only while the file has that size. */
  readonly #known = new Map<SessionId, Whole>();

  constructor(pathOf: (id: SessionId) => string) {
    this.#pathOf = pathOf;
  }

  /**
   * Appends the events after the last complete record, and removes what a crash left incomplete.
   * @param events in order, without gaps
   * @throws MaosError RESOURCE_LIMIT_EXCEEDED for a full disk; INTERNAL when events between the log's last and the
   *   first given one are missing: then nothing is written, and `details.lastLogged` says which event must come before
   *   the first
   */
  append(id: SessionId, events: readonly RecordedEvent[]): Promise<void> {
    const path = this.#pathOf(id);
    return this.#serial.run(id, async () => {
      try {
        // 'a': each write appends, so that a late owner of the session cannot overwrite lines of the next one.
        const file = await open(path, 'a+', fileMode);
        try {
          await this.#append(id, file, events, path);
        } catch (error) {
          this.#known.delete(id);
          throw error;
        } finally {
          await file.close();
        }
      } catch (error) {
        throw fileError(error, 'append to', path);
      }
    });
  }

  /** `seq` of the last complete record; 0 when there is none, or no log. */
  last(id: SessionId): Promise<number> {
    const path = this.#pathOf(id);
    return this.#serial.run(id, async () => {
      try {
        const file = await open(path, 'r');
        try {
          return (await this.#whole(id, file)).seq;
        } finally {
          await file.close();
        }
      } catch (error) {
        if (isMissing(error)) return 0;
        throw fileError(error, 'read', path);
      }
    });
  }

  async #append(
    id: SessionId,
    file: FileHandle,
    events: readonly RecordedEvent[],
    path: string,
  ): Promise<void> {
    const { size } = await file.stat();
    const whole = await this.#whole(id, file);
    const missing = events.filter((event) => event.seq > whole.seq);
    assertNoGap(whole.seq, missing, path);
    if (whole.end < size) await file.truncate(whole.end);
    // The umask restricts the mode passed to open.
    if (whole.end === 0) await file.chmod(fileMode);
    const last = missing.at(-1);
    if (last === undefined) return;
    const bytes = Buffer.from(missing.map(lineOf).join(''));
    await file.appendFile(bytes);
    this.#known.set(id, { seq: last.seq, end: whole.end + bytes.length });
  }

  async #whole(id: SessionId, file: FileHandle): Promise<Whole> {
    const { size } = await file.stat();
    const known = this.#known.get(id);
    if (known !== undefined && known.end === size) return known;
    const found = await findLastWhole(file, size);
    this.#known.set(id, found);
    return found;
  }
}

function assertNoGap(last: number, missing: readonly RecordedEvent[], path: string): void {
  missing.forEach((event, index) => {
    if (event.seq === last + 1 + index) return;
    throw new MaosError(
      'INTERNAL',
      `${showPath(path)} ends with event ${last}, so it cannot be given event ${event.seq} next: give all events after ${last}.`,
      { details: { path, lastLogged: last, given: event.seq } },
    );
  });
}
