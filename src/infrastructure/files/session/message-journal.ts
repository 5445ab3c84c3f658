import { closeSync, fchmodSync, fstatSync, mkdirSync, openSync, readSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import type { MessageJournal } from '../../../application/ports/messages.ts';
import { fileError, isMissing, systemCode } from '../disk/file-error.ts';
import { fileMode, folderMode } from '../disk/folders.ts';
import type { SessionLayout } from '../home/layout.ts';

const newline = 0x0a;

/** Synchronous, because the store holds its lock meanwhile: this keeps lines of different processes apart. */
export function makeMessageJournal(layout: SessionLayout): MessageJournal {
  return {
    append(sessionId, agentId, messages) {
      const path = layout.messages(sessionId, agentId);
      try {
        return appendLines(path, messages.map((message) => `${JSON.stringify(message)}\n`).join(''));
      } catch (error) {
        throw fileError(error, 'append to', path);
      }
    },
  };
}

/** Ends a line that a crash cut short, so that it does not spoil the next. */
function appendLines(path: string, lines: string): boolean {
  const file = openToAppend(path);
  if (file === null) return false;
  try {
    const { size } = fstatSync(file);
    // The umask restricts the mode passed to open.
    if (size === 0) fchmodSync(file, fileMode);
    const last = Buffer.alloc(1, newline);
    if (size > 0) readSync(file, last, 0, 1, size - 1);
    writeAll(file, Buffer.from(last[0] === newline ? lines : `\n${lines}`));
    return true;
  } finally {
    closeSync(file);
  }
}

function writeAll(file: number, bytes: Buffer): void {
  for (let written = 0; written < bytes.length; ) written += writeSync(file, bytes, written);
}

/** Creates the agent's folder, but not the session's: if that is missing, it was removed or is about to be created. */
function openToAppend(path: string): number | null {
  try {
    return openSync(path, 'a+', fileMode);
  } catch (error) {
    if (!isMissing(error)) throw error;
  }
  try {
    mkdirSync(dirname(path), { mode: folderMode });
  } catch (error) {
    if (isMissing(error)) return null;
    if (systemCode(error) !== 'EEXIST') throw error;
  }
  return openSync(path, 'a+', fileMode);
}
