import { accessSync, closeSync, constants, fsyncSync, mkdirSync, openSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync, type StatementSync } from 'node:sqlite';
import { assertKnown, migrate, rollback, schemaVersion } from './migrate.ts';
import type { Migration } from './migrations.ts';
import { isBusy, lostFile, needsRollback, translateSqliteError } from './sqlite-errors.ts';

export interface DatabaseOptions {
  /** Absolute path. The file (0600) and its folder (0700) are made when missing. */
  readonly file: string;
  readonly migrations: readonly Migration[];
  /** `FULL`: a commit survives a power cut. `NORMAL`: it survives the end of the process. */
  readonly synchronous: 'FULL' | 'NORMAL';
  /** How long a statement waits for another writer, in milliseconds, and the process with it. Default {@link standStillMs}. */
  readonly busyTimeoutMs?: number;
}

/**
 * As long as a process that serves may stand still for a lock of another: what others write is over by then, as a rule.
 * Who has more patience tries again beside everything else.
 */
const standStillMs = 20;

/**
 * One connection to a database file. Whatever is done inside `run`, `read` and `write` throws MaosErrors:
 * STORE_BUSY, STORE_CORRUPT, FORBIDDEN, RESOURCE_LIMIT_EXCEEDED, and INTERNAL for a bug.
 */
export class Database {
  readonly file: string;
  readonly #db: DatabaseSync;
  readonly #statements = new Map<string, StatementSync>();
  readonly #identity: string;
  #open = true;

  /** @param db has been read from: its files are there */
  constructor(db: DatabaseSync, file: string) {
    this.#db = db;
    this.file = file;
    this.#identity = identityOf(file);
  }

  /** Others do not find here what this connection has: the file was moved, replaced or deleted since it was opened. */
  get isLost(): boolean {
    return identityOf(this.file) !== this.#identity;
  }

  /** The prepared statement, made at its first use; call it inside `run`, `read` or `write`. */
  sql(text: string): StatementSync {
    let statement = this.#statements.get(text);
    if (statement === undefined) {
      statement = this.#db.prepare(text);
      this.#statements.set(text, statement);
    }
    return statement;
  }

  /** A single statement that reads. */
  run<T>(work: () => T): T {
    try {
      return work();
    } catch (error) {
      throw translateSqliteError(error, this.file);
    }
  }

  /** Several reads of one and the same state. */
  read<T>(work: () => T): T {
    return this.#transaction('BEGIN', work);
  }

  /** All or nothing, alone among all processes. Takes the write lock at once, so it never fails halfway for a lock. */
  write<T>(work: () => T): T {
    return this.#transaction('BEGIN IMMEDIATE', () => {
      const result = work();
      // SQLite goes on with a file that has no name any more, and all that is stored is gone with the process.
      if (this.isLost) throw lostFile(this.file);
      return result;
    });
  }

  /** Safe to repeat. */
  close(): void {
    if (!this.#open) return;
    this.#open = false;
    this.#statements.clear();
    this.run(() => this.#db.close());
  }

  #transaction<T>(begin: string, work: () => T): T {
    return this.run(() => {
      this.sql(begin).run();
      try {
        const result = work();
        this.sql('COMMIT').run();
        return result;
      } catch (error) {
        rollback(this.#db);
        throw error;
      }
    });
  }
}

/** Which files a path names: the database and what was last written to it, which SQLite keeps beside it. */
function identityOf(file: string): string {
  return [file, `${file}-wal`]
    .map((path) => statSync(path, { bigint: true, throwIfNoEntry: false }))
    .map((found) => (found === undefined ? 'none' : `${found.dev}:${found.ino}`))
    .join(' ');
}

/**
 * Opens the database, making it or bringing it to the current schema where needed. A file that is damaged, or newer
 * than this program, is not written to.
 * @throws MaosError STORE_CORRUPT, STORE_BUSY, FORBIDDEN, CONFIG_INVALID, RESOURCE_LIMIT_EXCEEDED
 */
export function openDatabase(options: DatabaseOptions): Database {
  const { file, migrations } = options;
  try {
    const journal = makeFile(file) ? 'new' : look(options);
    const db = new DatabaseSync(file);
    try {
      configure(db, options, journal);
      migrate(db, migrations, file);
      return new Database(db, file);
    } catch (error) {
      db.close();
      throw error;
    }
  } catch (error) {
    throw translateSqliteError(error, file);
  }
}

/**
 * Problem: SQLite makes files readable for everybody the umask allows.
 * Solution: make the file first; -wal and -shm take its mode. Only by exclusive creation: closing a descriptor of a
 * database this process already has open would drop its locks (https://www.sqlite.org/howtocorrupt.html, 2.2).
 * @returns whether the file is new
 */
function makeFile(file: string): boolean {
  try {
    closeSync(openSync(file, 'wx', 0o600));
    return true;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EEXIST') return false;
    if (code !== 'ENOENT') throw error;
  }
  const first = mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  if (first !== undefined) syncFolders(dirname(file), dirname(first));
  return makeFile(file);
}

/** Makes the entries of new folders durable; SQLite does so only for the folder of its own files. */
function syncFolders(from: string, to: string): void {
  for (let folder = from; ; folder = dirname(folder)) {
    const descriptor = openSync(folder, 'r');
    try {
      fsyncSync(descriptor);
    } finally {
      closeSync(descriptor);
    }
    if (folder === to || folder === dirname(folder)) return;
  }
}

/**
 * Reads one row of a database somebody else looks after, without making, upgrading or locking it.
 * @throws MaosError STORE_CORRUPT, STORE_BUSY, FORBIDDEN, INTERNAL when it has no such table
 */
export function readRow(file: string, sql: string): Record<string, unknown> | undefined {
  try {
    const db = openToRead(file);
    try {
      return db.prepare(sql).get();
    } finally {
      db.close();
    }
  } catch (error) {
    throw translateSqliteError(error, file);
  }
}

/** Reads version and journal mode on a connection that cannot write, so that a file not ours to change stays as it is. */
function look({ file, migrations, busyTimeoutMs }: DatabaseOptions): string {
  const db = openToRead(file, busyTimeoutMs);
  try {
    assertKnown(schemaVersion(db), migrations, file);
    // SQLite would fall back to reading and fail at the first commit, long after the user could be told.
    accessSync(file, constants.W_OK);
    accessSync(dirname(file), constants.W_OK | constants.X_OK);
    return String(db.prepare('PRAGMA journal_mode').get()?.journal_mode);
  } finally {
    db.close();
  }
}

/**
 * A connection that cannot write. Throws what SQLite throws.
 *
 * Problem: a process that is killed while it gives the database its journal mode leaves a journal behind, which has to
 * be rolled back before anybody reads, and by somebody who can write: such a connection only fails
 * (https://www.sqlite.org/rescode.html#readonly_rollback).
 * Solution: then SQLite rolls it back on another connection, as it would for the first writer to come.
 */
export function openToRead(file: string, busyTimeoutMs?: number): DatabaseSync {
  try {
    return connectAndRead(file, true, busyTimeoutMs);
  } catch (error) {
    if (!needsRollback(error)) throw error;
    connectAndRead(file, false, busyTimeoutMs).close();
    return connectAndRead(file, true, busyTimeoutMs);
  }
}

/** SQLite opens a file, and rolls a journal back, only at the first read. */
function connectAndRead(file: string, readOnly: boolean, busyTimeoutMs?: number): DatabaseSync {
  const db = new DatabaseSync(file, { readOnly });
  try {
    setBusyTimeout(db, busyTimeoutMs);
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

function configure(db: DatabaseSync, { busyTimeoutMs, synchronous }: DatabaseOptions, journal: string): void {
  setBusyTimeout(db, busyTimeoutMs);
  if (journal !== 'wal') switchToWal(db, busyTimeoutMs);
  // macOS: fsync does not reach the platter there; without this a power cut during a checkpoint could damage the file.
  db.exec(`PRAGMA synchronous = ${synchronous}; PRAGMA foreign_keys = ON; PRAGMA checkpoint_fullfsync = ON`);
}

/**
 * Problem: when several processes open a new database at once, changing the journal mode fails with 'locked' at
 * once: SQLite does not use the busy timeout for a lock it upgrades.
 * Solution: try again for as long as the timeout would.
 */
function switchToWal(db: DatabaseSync, busyTimeoutMs = standStillMs): void {
  const pause = new Int32Array(new SharedArrayBuffer(4));
  const deadline = performance.now() + busyTimeoutMs;
  for (;;) {
    try {
      db.exec('PRAGMA journal_mode = WAL');
      return;
    } catch (error) {
      if (!isBusy(error) || performance.now() >= deadline) throw error;
      Atomics.wait(pause, 0, 0, 5);
    }
  }
}
