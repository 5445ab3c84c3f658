import { closeSync, fchmodSync, openSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Log, LogLevel } from '../../application/ports/log.ts';
import { ensureFolderSync, fileMode } from '../files/disk/folders.ts';
import { loggable } from './record.ts';

/** Most important first. */
const ranks: Readonly<Record<LogLevel, number>> = { error: 0, warn: 1, info: 2, debug: 3, trace: 4 };

/** Fields of every record; a caller's field with one of these names gets the prefix `_`. */
const ownNames = ['at', 'level', 'message', 'instance', 'pid'];

/** Maximum length of a record; a longer one is written without its fields. */
const longestLine = 256 * 1024;

const stderr = 2;

export interface FileLog extends Log {
  /** Number of records that could not be written. */
  readonly dropped: number;
  /** Whether records of this level are written. */
  takes(level: LogLevel): boolean;
  /** Closes the file; a later record opens it again. */
  close(): void;
}

/**
 * A log of JSON lines `{at, level, message, instance, pid, ...fields}`. The first record creates the file (0600) and
 * its folder. A record is in the file when `log` returns, so that a kill loses none. `log` never throws: records that
 * cannot be written are counted, reported once on stderr, and noted in the file when it is writable again.
 *
 * @param options.level the least important level to write
 * @param options.instance id of this MAOS process
 */
export function openLog(options: {
  readonly file: string;
  readonly level: LogLevel;
  readonly instance: string;
}): FileLog {
  return new AppendingLog(options.file, options.level, options.instance);
}

class AppendingLog implements FileLog {
  readonly #file: string;
  readonly #least: number;
  readonly #instance: string;
  #descriptor: number | null = null;
  /** A write left an incomplete line: the next record begins on a new one. */
  #torn = false;
  #dropped = 0;
  #untold = 0;
  #complained = false;

  constructor(file: string, level: LogLevel, instance: string) {
    this.#file = file;
    this.#least = ranks[level];
    this.#instance = instance;
  }

  get dropped(): number {
    return this.#dropped;
  }

  takes(level: LogLevel): boolean {
    return ranks[level] <= this.#least;
  }

  log(level: LogLevel, message: string, fields: Readonly<Record<string, unknown>> = {}): void {
    if (!this.takes(level)) return;
    try {
      if (this.#untold > 0) {
        this.#append(this.#line('warn', 'log records were dropped', { dropped: this.#untold }));
        this.#untold = 0;
      }
      this.#append(this.#line(level, message, fields));
    } catch (error) {
      // A full disk must not end a run.
      this.#dropped += 1;
      this.#untold += 1;
      this.#complain(error);
    }
  }

  close(): void {
    if (this.#descriptor === null) return;
    const descriptor = this.#descriptor;
    this.#descriptor = null;
    try {
      closeSync(descriptor);
    } catch (error) {
      this.#complain(error);
    }
  }

  #line(level: LogLevel, message: string, fields: Readonly<Record<string, unknown>>): string {
    const own = {
      at: new Date().toISOString(),
      level,
      message: loggable(message),
      instance: this.#instance,
      pid: process.pid,
    };
    const free = Object.entries(fields).map(([name, value]) => [
      ownNames.includes(name) ? `_${name}` : name,
      value,
    ]);
    const line = JSON.stringify({ ...own, ...(loggable(Object.fromEntries(free)) as object) });
    if (line.length <= longestLine) return `${line}\n`;
    const omitted = Object.keys(fields).slice(0, 100);
    return `${JSON.stringify({ ...own, omitted, characters: line.length })}\n`;
  }

  #append(line: string): void {
    this.#descriptor ??= this.#open();
    const bytes = Buffer.from(this.#torn ? `\n${line}` : line);
    const written = writeSync(this.#descriptor, bytes);
    if (written === bytes.length) {
      this.#torn = false;
      return;
    }
    if (written > 0) this.#torn = true;
    throw new Error(`only ${written} of ${bytes.length} bytes were written`);
  }

  #open(): number {
    ensureFolderSync(dirname(this.#file));
    const descriptor = openSync(this.#file, 'a', fileMode);
    // The umask restricts the mode passed to open.
    fchmodSync(descriptor, fileMode);
    return descriptor;
  }

  #complain(error: unknown): void {
    if (this.#complained) return;
    this.#complained = true;
    const why = error instanceof Error ? error.message : String(error);
    try {
      // Not process.stderr, which would end the process with an error event if its reader is gone.
      writeSync(
        stderr,
        `maos: cannot write the log ${JSON.stringify(this.#file)} (${why}); continuing without it.\n`,
      );
    } catch {
      // stderr is closed too; `dropped` still counts.
    }
  }
}
