import { statSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { MaosError } from '../../domain/errors.ts';
import { lacksRoomForIndex, needsRollback } from './sqlite-errors.ts';

/**
 * As long as a process that serves may stand still for a lock of another: what others write is over by then, as a rule.
 * Who has more patience tries again beside everything else.
 */
export const standStillMs = 20;

/** What SQLite keeps beside a database. */
export const companions = ['-wal', '-shm', '-journal'] as const;

export interface Connection {
  readonly db: DatabaseSync;
  /** It shuts out every other one for as long as it is open: to be closed after each use. */
  readonly isAlone: boolean;
}

/** A connection that can write. Throws what SQLite throws. @param prepare what has to be done before it is used */
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
      // Only now SQLite has opened all its files.
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
 * A connection to read with. Throws what SQLite throws.
 *
 * Problem: a process that is killed while it gives the database its journal mode leaves a journal behind, which has to
 * be rolled back before anybody reads, and by somebody who can write: such a connection only fails
 * (https://www.sqlite.org/rescode.html#readonly_rollback).
 * Solution: then SQLite rolls it back on another connection, as it would for the first writer to come.
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
 * Problem: SQLite keeps the index of what was last written in a file that all its users share, and when nobody has the
 * database open, that file is missing: on a full disk not even reading works.
 * Solution: one that has the database for itself keeps the index in memory (https://www.sqlite.org/wal.html#noshm).
 */
function connectAlone(file: string, busyTimeoutMs?: number): DatabaseSync {
  return connectAndRead(file, false, busyTimeoutMs, 'PRAGMA locking_mode = EXCLUSIVE');
}

/** SQLite opens a file, and rolls a journal back, only at the first read. */
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

function setBusyTimeout(db: DatabaseSync, ms = standStillMs): void {
  // The constructor's `timeout` is newer than the oldest supported Node.
  db.exec(`PRAGMA busy_timeout = ${Math.max(0, Math.trunc(ms))}`);
}

/** SQLite waits for the other end of a FIFO for ever, and tells a folder from a full disk only by its own numbers. */
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
 * @param table that every version of it has
 * @returns false for one that has no tables yet
 * @throws MaosError STORE_CORRUPT when another program made it
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
