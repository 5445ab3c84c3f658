import { closeSync, openSync } from 'node:fs';
import { MaosError } from '../../domain/errors.ts';

/** Primary result codes (https://www.sqlite.org/rescode.html). Extended codes add upper bits. */
const BUSY = [5, 6, 15];
const CORRUPT = [11, 26];
const FORBIDDEN = [3, 8, 14, 23];
/** The file could not be opened, because of permissions or a lack of file descriptors. */
const CANNOT_OPEN = 14;
const NO_MEMORY = 7;
const IO_ERROR = 10;
const FULL = 13;
const TOO_BIG = 18;
/** A journal must be rolled back first, which a read-only connection cannot do. */
const READONLY_ROLLBACK = 776;
/** SHMOPEN, SHMSIZE, SHMMAP: the shared index of recent writes cannot be opened, grown or mapped. */
const IOERR_SHM = [4618, 4874, 5386];
/** The file was moved, replaced or deleted while it was open. */
const READONLY_DBMOVED = 1032;

const forbiddenByFs = ['EACCES', 'EPERM', 'EROFS'];
const tooManyOpen = ['EMFILE', 'ENFILE'];
const exhaustedByFs = ['ENOSPC', 'EDQUOT', 'ENOMEM', 'EIO', 'ESTALE', 'EBUSY'];

interface SqliteError extends Error {
  readonly code: 'ERR_SQLITE_ERROR';
  /** Extended result code. */
  readonly errcode: number;
  readonly errstr: string;
}

function isSqliteError(error: unknown): error is SqliteError {
  return error instanceof Error && (error as { code?: unknown }).code === 'ERR_SQLITE_ERROR';
}

/** Whether another connection held the lock beyond the busy timeout. */
export function isBusy(error: unknown): boolean {
  return isSqliteError(error) && BUSY.includes(error.errcode & 0xff);
}

/** Whether the disk is full and no process has the database open; see `connectAlone`. */
export function lacksRoomForIndex(error: unknown): boolean {
  return isSqliteError(error) && IOERR_SHM.includes(error.errcode);
}

export function closedDatabase(file: string, cause?: unknown): MaosError {
  return new MaosError('INTERNAL', `The database ${file} was used after it was closed.`, {
    details: { file },
    cause,
  });
}

export function needsRollback(error: unknown): boolean {
  return isSqliteError(error) && error.errcode === READONLY_ROLLBACK;
}

/**
 * Converts any error of using the database file to a MaosError. Only this file knows SQLite's result codes. Errors of
 * other origin are returned unchanged.
 */
export function translateSqliteError(error: unknown, file: string): unknown {
  if (isSqliteError(error)) return translateResult(error, file);
  const code = error instanceof Error ? (error as NodeJS.ErrnoException).code : undefined;
  if (code === 'ERR_INVALID_STATE') {
    return closedDatabase(file, error);
  }
  if (code === undefined || (error as NodeJS.ErrnoException).syscall === undefined) return error;
  const details = { file, errno: code, system: code };
  if (forbiddenByFs.includes(code)) return forbidden(file, code, details, error);
  if (tooManyOpen.includes(code)) return noDescriptor(file, code, details, error);
  if (exhaustedByFs.includes(code)) return exhausted(file, code, details, error);
  return new MaosError(
    'CONFIG_INVALID',
    `The database ${file} cannot be opened or created (${code}): its folder must exist on this machine. Check MAOS_HOME.`,
    { details, cause: error },
  );
}

function translateResult(error: SqliteError, file: string): MaosError {
  const primary = error.errcode & 0xff;
  const details = { file, sqliteCode: error.errcode, sqliteMessage: error.message };
  const said = error.message === error.errstr ? error.errstr : `${error.errstr}: ${error.message}`;
  if (BUSY.includes(primary)) {
    return new MaosError(
      'STORE_BUSY',
      `The database ${file} is locked by another process; nothing was changed. Try again. If it stays locked, 'maos instances' lists the processes that use it.`,
      { details, cause: error },
    );
  }
  if (CORRUPT.includes(primary)) {
    return new MaosError(
      'STORE_CORRUPT',
      `The database ${file} is damaged (${said}). Move it away together with its -wal and -shm files. 'maos recover' then restores the sessions of a project.db from the folders beside it.`,
      { details, cause: error },
    );
  }
  if (error.errcode === READONLY_DBMOVED) {
    return lostFile(file, details, error);
  }
  const mayLackDescriptors = primary === CANNOT_OPEN || IOERR_SHM.includes(error.errcode);
  const shortage = mayLackDescriptors ? descriptorShortage() : null;
  if (shortage !== null) return noDescriptor(file, shortage, details, error);
  if (FORBIDDEN.includes(primary)) return forbidden(file, said, details, error);
  const full = primary === FULL ? { system: 'ENOSPC' } : {};
  if (primary === FULL || primary === IO_ERROR) return exhausted(file, said, { ...details, ...full }, error);
  // Lack of memory can be temporary; a value that is too large stays so.
  if (primary === NO_MEMORY || primary === TOO_BIG) {
    const code = primary === TOO_BIG ? 'INVALID_INPUT' : 'RESOURCE_LIMIT_EXCEEDED';
    const message = `Too much data at once for the database ${file} (${said}); nothing was changed.`;
    return new MaosError(code, message, { details, cause: error });
  }
  return new MaosError(
    'INTERNAL',
    `The database ${file} refused a statement (${said}); nothing was changed. This is a bug in MAOS: please report it.`,
    { details, cause: error },
  );
}

/** For a file that was moved, replaced or deleted while it was open. */
export function lostFile(
  file: string,
  details: Record<string, unknown> = { file },
  cause?: unknown,
): MaosError {
  return new MaosError(
    'STORE_CORRUPT',
    `The database ${file} was moved, replaced or deleted while this maos process used it; nothing was stored. Put it back together with its -wal file. If it is lost, 'maos recover' restores its sessions from their folders.`,
    { details, cause },
  );
}

/** For a file that is missing or empty although session folders exist. */
export function lostStore(file: string, isMissing: boolean, sessions: readonly string[]): MaosError {
  const [newest] = sessions.slice(-1);
  const are = sessions.length === 1 ? '1 session folder is' : `${sessions.length} session folders are`;
  return new MaosError(
    'STORE_CORRUPT',
    `The database ${file} is ${isMissing ? 'missing' : 'empty'}, but ${are} beside it. Put the database back. If it is lost, restore each session with 'maos recover ID' in the project's folder (newest: ${newest}).`,
    { details: { file, sessions: sessions.slice(-8) } },
  );
}

function forbidden(file: string, said: string, details: Record<string, unknown>, cause: unknown): MaosError {
  return new MaosError(
    'FORBIDDEN',
    `No permission to write the database ${file} (${said}). Make the file and its folder writable for this user, or set MAOS_HOME to another folder.`,
    { details, cause },
  );
}

/** SQLite does not say why it cannot open a file. @returns EMFILE or ENFILE; null when another file can be opened */
function descriptorShortage(): string | null {
  try {
    closeSync(openSync('/dev/null', 'r'));
    return null;
  } catch (error) {
    const { code = '' } = error as NodeJS.ErrnoException;
    return tooManyOpen.includes(code) ? code : null;
  }
}

function noDescriptor(
  file: string,
  code: string,
  details: Record<string, unknown>,
  cause: unknown,
): MaosError {
  const advice =
    code === 'ENFILE'
      ? 'the machine has too many files open (ENFILE): close some programs'
      : 'this process has too many files open (EMFILE): raise the limit (ulimit -n), or run fewer agents at once';
  return new MaosError(
    'RESOURCE_LIMIT_EXCEEDED',
    `The database ${file} cannot be opened: ${advice}. Nothing was changed.`,
    { details: { ...details, system: code }, cause },
  );
}

function exhausted(file: string, said: string, details: Record<string, unknown>, cause: unknown): MaosError {
  return new MaosError(
    'RESOURCE_LIMIT_EXCEEDED',
    `The database ${file} cannot be written: the disk is full or failing (${said}); nothing was changed. Free some space ('maos gc' removes old sessions) and try again.`,
    { details, cause },
  );
}
