import { constants, existsSync } from 'node:fs';
import { type FileHandle, open, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { InputEntry } from '../../../application/ports/agent-host.ts';
import { MaosError, quote, showPath } from '../../../domain/errors.ts';
import { fileError } from '../../files/disk/file-error.ts';
import { fileMode } from '../../files/disk/folders.ts';
import { InputLines, inputLine } from './input-lines.ts';
import { inputName, promptName } from './launch-record.ts';
import { retryWhileBusy } from './retry-while-busy.ts';

export interface InputFile {
  /**
   * Appends the entry, if none of its id is there.
   * @throws MaosError INVALID_INPUT, RESOURCE_LIMIT_EXCEEDED, INVALID_TRANSITION: the input is closed, or not ours (any more)
   */
  append(entry: InputEntry): Promise<void>;
  /** Nothing more comes. Safe to repeat. */
  close(): Promise<void>;
}

const maxEntryBytes = 4 * 2 ** 20;
const pieceBytes = 64 * 1024;
const lineEnd = Buffer.from('\n');

/** As the first entry. */
export async function readPrompt(folder: string): Promise<InputEntry> {
  const path = join(folder, promptName);
  try {
    return { id: 'prompt', bytes: await readFile(path) };
  } catch (error) {
    throw fileError(error, 'read', path);
  }
}

/** Null where the attempt's program has no input that can be appended to. */
export function findInput(folder: string, attempt: number, isOwned: () => boolean): InputFile | null {
  const path = join(folder, inputName(attempt));
  return existsSync(path) ? makeInputFile(path, isOwned) : null;
}

/** Makes the file, if it is not there yet, with the first entry. */
export async function beginInput(
  folder: string,
  attempt: number,
  first: InputEntry,
  isOwned: () => boolean,
): Promise<InputFile> {
  const path = join(folder, inputName(attempt));
  try {
    await (await retryWhileBusy(() => open(path, 'a', fileMode))).close();
  } catch (error) {
    throw fileError(error, 'create', path);
  }
  const input = makeInputFile(path, isOwned);
  await input.append(first);
  return input;
}

/**
 * Problem: a MAOS dies between appending an entry and storing that it did; another that does not know yet that it has
 * lost the session appends beside the new owner.
 * Solution: the file is the record. Whoever appends reads what is there, writes one line with the next number, and reads
 * again: of two lines with the same number the first counts, for readers and for the feeder alike.
 */
function makeInputFile(path: string, isOwned: () => boolean): InputFile {
  const lines = new InputLines();
  let offset = 0;
  let turn: Promise<unknown> = Promise.resolve();

  async function readOn(file: FileHandle): Promise<void> {
    const piece = Buffer.allocUnsafe(pieceBytes);
    for (;;) {
      const { bytesRead } = await file.read(piece, 0, pieceBytes, offset);
      if (bytesRead === 0) return;
      offset += bytesRead;
      lines.push(piece.subarray(0, bytesRead));
    }
  }

  /** One line, or what ends a torn one. */
  async function write(file: FileHandle, line: Uint8Array): Promise<void> {
    if (!isOwned()) throw refused('another MAOS owns the session now.');
    const { bytesWritten } = await file.write(line, 0, line.length);
    const before = offset;
    await readOn(file);
    if (bytesWritten < line.length) throw noRoom(path);
    if (offset === before) throw refused('somebody cut the file.');
    await file.datasync();
  }

  async function put(id: string, bytes: Uint8Array): Promise<void> {
    let file: FileHandle | null = null;
    try {
      // Never created here: if the agent removed the folder, nothing would read the file.
      file = await retryWhileBusy(() => open(path, constants.O_RDWR | constants.O_APPEND));
      await readOn(file);
      while (id === '' ? !lines.isClosed : !lines.has(id)) {
        if (lines.isTorn) await write(file, lineEnd);
        else if (lines.isClosed) throw refused('the input is closed.');
        else await write(file, inputLine(lines.next, id, bytes));
      }
    } catch (error) {
      throw fileError(error, 'append to', path);
    } finally {
      await file?.close();
    }
  }

  function refused(why: string): MaosError {
    return new MaosError('INVALID_TRANSITION', `Could not append to ${showPath(path)}: ${why}`);
  }

  function inTurn(id: string, bytes: Uint8Array): Promise<void> {
    const done = turn.then(() => put(id, bytes));
    turn = done.catch(() => 'whoever appended hears of the failure');
    return done;
  }

  return {
    async append({ id, bytes }) {
      checkEntry(id, bytes);
      await inTurn(id, bytes);
    },
    close: () => inTurn('', new Uint8Array()),
  };
}

function checkEntry(id: string, bytes: Uint8Array): void {
  if (!/^[\w.-]{1,128}$/.test(id)) {
    const message = `The id ${quote(id)} of an input entry is not valid. Use 1 to 128 letters, digits, '.', '-' and '_'.`;
    throw new MaosError('INVALID_INPUT', message);
  }
  if (bytes.length > maxEntryBytes) {
    const message = `The input entry ${quote(id)} has ${bytes.length} bytes, more than ${maxEntryBytes}. Send it in parts, or write it to a file and send its path.`;
    throw new MaosError('RESOURCE_LIMIT_EXCEEDED', message);
  }
}

/** A write that the system took only in part: the next one would fail. */
function noRoom(path: string): MaosError {
  return fileError(
    Object.assign(new Error('no space left on device'), { code: 'ENOSPC' }),
    'append to',
    path,
  );
}
