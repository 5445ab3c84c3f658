import type { DatabaseSync } from 'node:sqlite';
import { MaosError } from '../../domain/errors.ts';
import type { Migration } from './migrations.ts';

/** Schema version of the database; 0 for an empty one. */
export function schemaVersion(db: DatabaseSync): number {
  return Number(db.prepare('PRAGMA user_version').get()?.user_version);
}

/** The newest schema version that this program knows. */
function knownVersion(migrations: readonly Migration[]): number {
  return migrations.at(-1)?.version ?? 0;
}

/**
 * CONFIG_INVALID, because the data is intact: the user needs another version of MAOS, or another MAOS_HOME.
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
 * Migrates the database to the newest version in one transaction. Safe when several processes do it at once: the
 * version is read again under the write lock.
 * @throws MaosError CONFIG_INVALID when the database is newer than this program
 */
export function migrate(db: DatabaseSync, migrations: readonly Migration[], file: string): void {
  const found = schemaVersion(db);
  assertKnown(found, migrations, file);
  if (found === knownVersion(migrations)) return;
  // Rebuilding a table drops the old one, which would delete referring rows. SQLite ignores this pragma inside a
  // transaction.
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

/** Rolls back a failed transaction. */
export function rollback(db: DatabaseSync): void {
  try {
    db.exec('ROLLBACK');
  } catch {
    // SQLite rolls back by itself on a full disk and some other errors; the original error is the one to report.
  }
}
