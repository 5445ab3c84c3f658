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
   * Appends the entry, unless the file already contains its id.
   * @throws MaosError INVALID_INPUT; RESOURCE_LIMIT_EXCEEDED; INVALID_TRANSITION when the input is closed or another
   *   MAOS owns the session
   */
  append(entry: InputEntry): Promise<void>;
  /** Ends the input. Safe to repeat. */
  close(): Promise<void>;
}

const maxEntryBytes = 4 * 2 ** 20;
const pieceBytes = 64 * 1024;
const lineEnd = Buffer.from('\n');

/** The prompt as the first entry of the input. */
export async function readPrompt(folder: string): Promise<InputEntry> {
  const path = join(folder, promptName);
  try {
    return { id: 'prompt', bytes: await readFile(path) };
  } catch (error) {
    throw fileError(error, 'read', path);
  }
}

/** Null when the attempt's program takes no further input. */
export function findInput(folder: string, attempt: number, isOwned: () => boolean): InputFile | null {
  const path = join(folder, inputName(attempt));
  return existsSync(path) ? makeInputFile(path, isOwned) : null;
}

/** Creates the file with the first entry, unless it exists. */
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
 * Problem: MAOS can die after it appended an entry and before it stored that fact. And an instance that has not yet
 * noticed that it lost the session can append at the same time as the new owner.
 * Solution: the file is the record. A writer reads it, appends one line with the next number, and reads again. Of two
 * lines with the same number the first counts, for MAOS and for the wrapper's feeder.
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

  /** Writes one line, or the line end that a torn line lacks. */
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
      // Must not create the file: if the agent removed the folder, nothing would read it.
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

/** For a partial write: the next write would fail with this error. */
function noRoom(path: string): MaosError {
  return fileError(
    Object.assign(new Error('no space left on device'), { code: 'ENOSPC' }),
    'append to',
    path,
  );
}
