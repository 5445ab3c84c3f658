import {
  accessSync,
  chmodSync,
  closeSync,
  constants,
  fsyncSync,
  mkdirSync,
  openSync,
  statSync,
} from 'node:fs';
import { dirname } from 'node:path';
import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { assertOurs, type Connection, companions, maxBlockMs, openToRead, openToWrite } from './connect.ts';
import { assertKnown, migrate, rollback, schemaVersion } from './migrate.ts';
import type { Migration } from './migrations.ts';
import { closedDatabase, isBusy, lostFile, translateSqliteError } from './sqlite-errors.ts';

export interface DatabaseOptions {
  /** Absolute path. The file (0600) and its folder (0700) are created when missing. */
  readonly file: string;
  readonly migrations: readonly Migration[];
  /** A table that every version of the schema has. A database with other tables but not this one is left alone. */
  readonly table?: string;
  /** `FULL`: a commit survives a power failure. `NORMAL`: it survives the end of the process. */
  readonly synchronous: 'FULL' | 'NORMAL';
  /**
   * How long a statement blocks the process while another holds the lock, in milliseconds. Default {@link
   * maxBlockMs}.
   */
  readonly busyTimeoutMs?: number;
  /** Called with each file whose mode was restricted because others could read or write it, and its former mode. */
  readonly onTightened?: OnTightened | undefined;
}

export type OnTightened = (file: string, mode: number) => void;

/**
 * One database file. Work inside `run`, `read` and `write` throws MaosErrors: STORE_BUSY, STORE_CORRUPT, FORBIDDEN,
 * RESOURCE_LIMIT_EXCEEDED, and INTERNAL for a bug.
 */
export class Database {
  readonly file: string;
  readonly #connect: () => Connection;
  readonly #statements = new Map<string, StatementSync>();
  /** Null between uses when only exclusive access works. */
  #connection: Connection | null = null;
  #identity = '';
  #open = true;

  constructor(file: string, connect: () => Connection) {
    this.file = file;
    this.#connect = connect;
    this.#use(() => {});
  }

  /**
   * True when the file was moved, replaced or deleted since it was opened: other processes do not see this connection's
   * data.
   */
  get isLost(): boolean {
    return this.#connection !== null && identityOf(this.file) !== this.#identity;
  }

  /** The prepared statement, cached. Call it inside `run`, `read` or `write`. */
  sql(text: string): StatementSync {
    let statement = this.#statements.get(text);
    if (statement === undefined) {
      if (this.#connection === null) throw closedDatabase(this.file);
      statement = this.#connection.db.prepare(text);
      this.#statements.set(text, statement);
    }
    return statement;
  }

  /** For a single statement that reads. */
  run<T>(work: () => T): T {
    try {
      return this.#connection === null ? this.#use(work) : work();
    } catch (error) {
      throw translateSqliteError(error, this.file);
    }
  }

  /** For several reads of the same state. */
  read<T>(work: () => T): T {
    return this.#transaction('BEGIN', work);
  }

  /**
   * Atomic and exclusive among all processes. Takes the write lock at the beginning, so it cannot fail halfway for a
   * lock.
   */
  write<T>(work: () => T): T {
    return this.#transaction('BEGIN IMMEDIATE', () => {
      const result = work();
      // SQLite continues to write to a deleted file, and everything stored there is lost when the process ends.
      if (this.isLost) throw lostFile(this.file);
      return result;
    });
  }

  /** Safe to repeat. */
  close(): void {
    if (!this.#open) return;
    this.#open = false;
    try {
      this.#disconnect();
    } catch (error) {
      throw translateSqliteError(error, this.file);
    }
  }

  #use<T>(work: () => T): T {
    if (!this.#open) throw closedDatabase(this.file);
    const connection = this.#connect();
    this.#connection = connection;
    this.#identity = identityOf(this.file);
    try {
      return work();
    } finally {
      if (connection.isAlone) this.#disconnect();
    }
  }

  #disconnect(): void {
    this.#statements.clear();
    const connection = this.#connection;
    this.#connection = null;
    connection?.db.close();
  }

  #transaction<T>(begin: string, work: () => T): T {
    return this.run(() => {
      this.sql(begin).run();
      try {
        const result = work();
        this.sql('COMMIT').run();
        return result;
      } catch (error) {
        if (this.#connection !== null) rollback(this.#connection.db);
        throw error;
      }
    });
  }
}

/** Identifies the files at a path: the database, and the write-ahead log that SQLite keeps beside it. */
function identityOf(file: string): string {
  return [file, `${file}-wal`]
    .map((path) => statSync(path, { bigint: true, throwIfNoEntry: false }))
    .map((found) => (found === undefined ? 'none' : `${found.dev}:${found.ino}`))
    .join(' ');
}

/**
 * Opens the database, creating or migrating it as needed. Never writes to a file that is damaged or newer than this
 * program.
 * @throws MaosError STORE_CORRUPT, STORE_BUSY, FORBIDDEN, CONFIG_INVALID, RESOURCE_LIMIT_EXCEEDED
 */
export function openDatabase(options: DatabaseOptions): Database {
  const { file, migrations } = options;
  try {
    if (!makeFile(file)) closeToOthers(options);
    return new Database(file, () => {
      const journal = look(options);
      return openToWrite(file, options.busyTimeoutMs, (db) => {
        configure(db, options, journal);
        migrate(db, migrations, file);
      });
    });
  } catch (error) {
    throw translateSqliteError(error, file);
  }
}

/** Restricts the modes to the user: a copied or restored database can have any. */
function closeToOthers({ file, onTightened }: DatabaseOptions): void {
  // Windows ignores modes.
  if (process.platform === 'win32') return;
  for (const path of [file, ...companions.map((end) => file + end)]) {
    const mode = (statSync(path, { throwIfNoEntry: false })?.mode ?? 0) & 0o777;
    if ((mode & 0o077) === 0) continue;
    try {
      chmodSync(path, 0o600);
      onTightened?.(path, mode);
    } catch {
      // The file belongs to another user, who may have shared it on purpose; `doctor` reports it.
    }
  }
}

/**
 * Problem: SQLite creates files that everyone the umask allows can read.
 * Solution: create the file first; -wal and -shm get the same mode. Only with exclusive creation: closing a descriptor
 * of a database that this process has open would drop its locks (https://www.sqlite.org/howtocorrupt.html, 2.2).
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

/** Syncs new folders up to their parent; SQLite syncs only the folder of its own files. */
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
 * Reads one row of another project's database, without creating, migrating or locking it.
 * @param table as in {@link DatabaseOptions}
 * @returns undefined when there is no such row, or no table yet
 * @throws MaosError STORE_CORRUPT, STORE_BUSY, FORBIDDEN
 */
export function readRow(file: string, table: string, sql: string): Record<string, unknown> | undefined {
  try {
    const db = openToRead(file);
    try {
      return assertOurs(db, file, table) ? db.prepare(sql).get() : undefined;
    } finally {
      db.close();
    }
  } catch (error) {
    throw translateSqliteError(error, file);
  }
}

/**
 * Reads the journal mode and checks the version on a read-only connection, so that a file that MAOS must not change
 * stays as is.
 */
function look({ file, migrations, table, busyTimeoutMs }: DatabaseOptions): string {
  const db = openToRead(file, busyTimeoutMs);
  try {
    if (table !== undefined) assertOurs(db, file, table);
    assertKnown(schemaVersion(db), migrations, file);
    // Without these permissions SQLite would open the file read-only and fail at the first commit, too late to tell the
    // user.
    accessSync(file, constants.W_OK);
    accessSync(dirname(file), constants.W_OK | constants.X_OK);
    return String(db.prepare('PRAGMA journal_mode').get()?.journal_mode);
  } finally {
    db.close();
  }
}

function configure(db: DatabaseSync, { busyTimeoutMs, synchronous }: DatabaseOptions, journal: string): void {
  if (journal !== 'wal') switchToWal(db, busyTimeoutMs);
  // On macOS, fsync alone does not reach the disk: a power failure during a checkpoint could damage the file.
  db.exec(`PRAGMA synchronous = ${synchronous}; PRAGMA foreign_keys = ON; PRAGMA checkpoint_fullfsync = ON`);
}

/**
 * Problem: when several processes open a new database at once, changing the journal mode fails immediately with
 * "locked", because SQLite does not apply the busy timeout when it upgrades a lock.
 * Solution: retry until the timeout.
 */
function switchToWal(db: DatabaseSync, busyTimeoutMs = maxBlockMs): void {
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
