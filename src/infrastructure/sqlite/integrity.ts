import { assertOurs, openToRead } from './connect.ts';
import { assertKnown, schemaVersion } from './migrate.ts';
import { projectMigrations } from './migrations.ts';
import { translateSqliteError } from './sqlite-errors.ts';

/** Longer than elsewhere: the process does nothing but this check. */
const patienceMs = 5_000;

/**
 * Checks a whole `project.db` for damage and for compatibility with this maos, without changing it.
 * @returns what is wrong and what to do; null when nothing is
 */
export function checkIntegrity(file: string): string | null {
  try {
    const db = openToRead(file, patienceMs);
    try {
      assertOurs(db, file, 'sessions');
      assertKnown(schemaVersion(db), projectMigrations, file);
      const [first] = db.prepare('PRAGMA integrity_check(1)').all();
      const found = String(first?.integrity_check);
      if (found === 'ok') return null;
      return `${file} is damaged (${found}). Move it away; 'maos recover' then restores sessions from their folders.`;
    } finally {
      db.close();
    }
  } catch (error) {
    const translated = translateSqliteError(error, file);
    return translated instanceof Error ? translated.message : String(translated);
  }
}
