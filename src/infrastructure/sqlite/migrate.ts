import type { DatabaseSync } from 'node:sqlite';
import { MaosError } from '../../domain/errors.ts';
import type { Migration } from './migrations.ts';

/** The schema version of the database: 0 for an empty one. */
export function schemaVersion(db: DatabaseSync): number {
  return Number(db.prepare('PRAGMA user_version').get()?.user_version);
}

/** The newest version this program knows. */
function knownVersion(migrations: readonly Migration[]): number {
  return migrations.at(-1)?.version ?? 0;
}

/**
 * CONFIG_INVALID because nothing is wrong with the data: this installation does not fit it, and the user mends that
 * by another version of MAOS or another MAOS_HOME.
 * @throws MaosError CONFIG_INVALID when the database is newer than this program
 */
export function assertKnown(found: number, migrations: readonly Migration[], file: string): void {
  const known = knownVersion(migrations);
  if (found <= known) return;
  throw new MaosError(
    'CONFIG_INVALID',
    `The database ${file} was written by a newer version of MAOS (schema ${found}; this version supports ${known}). Update MAOS, or set MAOS_HOME to another folder. The file was not changed.`,
    { details: { file, found, known } },
  );
}

/**
 * Brings the database to the newest version, all steps in one transaction. Safe when several processes do it at
 * once: the version is read again once the write lock is held.
 * @throws MaosError CONFIG_INVALID when the database is newer than this program
 */
export function migrate(db: DatabaseSync, migrations: readonly Migration[], file: string): void {
  const found = schemaVersion(db);
  assertKnown(found, migrations, file);
  if (found === knownVersion(migrations)) return;
  // Rebuilding a table drops the old one, which would delete what refers to it; SQLite ignores this inside a transaction.
  db.exec('PRAGMA foreign_keys = OFF');
  db.exec('BEGIN IMMEDIATE');
  try {
    const now = schemaVersion(db);
    assertKnown(now, migrations, file);
    const due = migrations.filter((migration) => migration.version > now);
    for (const { version, sql } of due) {
      db.exec(sql);
      db.exec(`PRAGMA user_version = ${version}`);
    }
    if (due.length > 0) assertReferences(db, file);
    db.exec('COMMIT');
  } catch (error) {
    rollback(db);
    throw error;
  }
  db.exec('PRAGMA foreign_keys = ON');
}

function assertReferences(db: DatabaseSync, file: string): void {
  const broken = db.prepare('PRAGMA foreign_key_check').get();
  if (broken === undefined) return;
  throw new MaosError(
    'STORE_CORRUPT',
    `The database ${file} cannot be migrated to the current schema: a row of ${broken.table} refers to a missing row of ${broken.parent}. Nothing was changed; restore a backup.`,
    { details: { file, ...broken } },
  );
}

/** Ends the transaction of a failed piece of work. */
export function rollback(db: DatabaseSync): void {
  try {
    db.exec('ROLLBACK');
  } catch {
    // A full disk and some other errors make SQLite roll back by itself; the error that led here is the one to tell.
  }
}
