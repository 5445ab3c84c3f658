import { statSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { MaosError } from '../../domain/errors.ts';
import { lacksRoomForIndex, needsRollback } from './sqlite-errors.ts';

/**
 * Default busy timeout, during which a lock of another process blocks the whole process: other writers are usually done
 * by then. Callers that can wait longer retry asynchronously.
 */
export const maxBlockMs = 20;

/** Suffixes of the files that SQLite keeps beside a database. */
export const companions = ['-wal', '-shm', '-journal'] as const;

export interface Connection {
  readonly db: DatabaseSync;
  /** It locks out every other connection while it is open, so close it after each use. */
  readonly isAlone: boolean;
}

/** Opens a connection that can write. Throws SQLite's errors. @param prepare runs before the connection is used */
export function openToWrite(
  file: string,
  busyTimeoutMs: number | undefined,
  prepare: (db: DatabaseSync) => void,
): Connection {
  const connect = (isAlone: boolean): Connection => {
    const db = isAlone ? connectAlone(file, busyTimeoutMs) : new DatabaseSync(file);
    try {
      setBusyTimeout(db, busyTimeoutMs);
      prepare(db);
      // SQLite opens all its files only at the first read.
      db.prepare('PRAGMA schema_version').get();
      return { db, isAlone };
    } catch (error) {
      db.close();
      throw error;
    }
  };
  assertFiles(file);
  try {
    return connect(false);
  } catch (error) {
    if (!lacksRoomForIndex(error)) throw error;
    return connect(true);
  }
}

/**
 * Opens a connection for reading. Throws SQLite's errors.
 *
 * Problem: a process that is killed while it sets the journal mode leaves a journal behind. It must be rolled back
 * before any read, and a read-only connection cannot do that (https://www.sqlite.org/rescode.html#readonly_rollback).
 * Solution: open a writable connection, on which SQLite rolls it back, and then read.
 */
export function openToRead(file: string, busyTimeoutMs?: number): DatabaseSync {
  assertFiles(file);
  try {
    return connectAndRead(file, true, busyTimeoutMs);
  } catch (error) {
    if (lacksRoomForIndex(error)) return connectAlone(file, busyTimeoutMs);
    if (!needsRollback(error)) throw error;
    connectAndRead(file, false, busyTimeoutMs).close();
    return connectAndRead(file, true, busyTimeoutMs);
  }
}

/**
 * Problem: SQLite keeps the index of recent writes in a shared file, which exists only while a process has the database
 * open. On a full disk it cannot be created, so not even reading works.
 * Solution: a connection with exclusive access keeps the index in memory (https://www.sqlite.org/wal.html#noshm).
 */
function connectAlone(file: string, busyTimeoutMs?: number): DatabaseSync {
  return connectAndRead(file, false, busyTimeoutMs, 'PRAGMA locking_mode = EXCLUSIVE');
}

/** Reads once, because SQLite opens the file and rolls a journal back only at the first read. */
function connectAndRead(file: string, readOnly: boolean, busyTimeoutMs?: number, first = ''): DatabaseSync {
  const db = new DatabaseSync(file, { readOnly });
  try {
    setBusyTimeout(db, busyTimeoutMs);
    db.exec(first);
    db.prepare('PRAGMA schema_version').get();
    return db;
  } catch (error) {
    db.close();
    throw error;
  }
}

function setBusyTimeout(db: DatabaseSync, ms = maxBlockMs): void {
  // The constructor's `timeout` option is newer than the oldest supported Node.
  db.exec(`PRAGMA busy_timeout = ${Math.max(0, Math.trunc(ms))}`);
}

/** Checked first, because SQLite would wait for ever on a FIFO, and its error for a folder does not say what is wrong. */
function assertFiles(file: string): void {
  for (const path of [file, ...companions.map((end) => file + end)]) {
    const found = statSync(path, { throwIfNoEntry: false });
    if (found === undefined || found.isFile()) continue;
    const kind = found.isDirectory() ? 'a folder' : found.isFIFO() ? 'a named pipe' : 'not a regular file';
    throw new MaosError(
      'STORE_CORRUPT',
      `${path} is ${kind}, but must be the database of MAOS. Move it away, and restore a backup if you have one.`,
      { details: { file, path } },
    );
  }
}

/**
 * @param table a table that every version of the schema has
 * @returns false when the database has no tables yet
 * @throws MaosError STORE_CORRUPT when another program created it
 */
export function assertOurs(db: DatabaseSync, file: string, table: string): boolean {
  const select =
    "SELECT count(*) AS all_of_them, count(CASE WHEN name = ? THEN 1 END) AS ours FROM sqlite_schema WHERE type = 'table'";
  const found = db.prepare(select).get(table);
  if (Number(found?.ours) > 0) return true;
  if (Number(found?.all_of_them) === 0) return false;
  throw new MaosError(
    'STORE_CORRUPT',
    `${file} is a database, but not one of MAOS (it has no table '${table}'). MAOS did not change it. Move it away, and restore a backup if you have one.`,
    { details: { file, table } },
  );
}
