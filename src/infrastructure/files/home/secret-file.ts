import { randomBytes } from 'node:crypto';
import { chmodSync, linkSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { MaosError } from '../../../domain/errors.ts';
import { temporaryPath } from '../disk/atomic.ts';
import { fileError, isMissing, systemCode } from '../disk/file-error.ts';
import { fileMode } from '../disk/folders.ts';

/** 256 bits, in characters that need no quoting anywhere. */
export function newSecret(): string {
  return randomBytes(32).toString('base64url');
}

/** What a secret looks like; anything else in the file was not written by MAOS. */
const secretPattern = /^[A-Za-z0-9_-]{32,200}$/;

/** A file with one secret in it, for this user alone. Its folder exists. */
export interface SecretFile {
  readonly path: string;
  /** What to say when the file holds something else. */
  readonly damaged: () => MaosError;
}

/**
 * The secret; made at the first call (0600). Of several processes that make it at once, one wins, and all have that one.
 * @throws MaosError as `damaged` says, FORBIDDEN, RESOURCE_LIMIT_EXCEEDED
 */
export function readOrMakeSecret(file: SecretFile): string {
  return withFileErrors(file, () => readNow(file) ?? make(file));
}

/** Null where there is none. @throws MaosError as `damaged` says, FORBIDDEN */
export function readSecret(file: SecretFile): string | null {
  return withFileErrors(file, () => readNow(file));
}

function withFileErrors<T>(file: SecretFile, use: () => T): T {
  try {
    return use();
  } catch (error) {
    if (error instanceof MaosError) throw error;
    throw fileError(error, 'read', file.path);
  }
}

function readNow({ path, damaged }: SecretFile): string | null {
  let text: string;
  try {
    text = readFileSync(path, 'utf8').trim();
  } catch (error) {
    if (isMissing(error)) return null;
    if (systemCode(error) === 'EISDIR') throw damaged();
    throw error;
  }
  if (!secretPattern.test(text)) throw damaged();
  // Others on this machine may have been let in by hand.
  if ((statSync(path).mode & 0o077) !== 0) chmodSync(path, fileMode);
  return text;
}

/** Whole before it has its name: a link fails where another process was faster. */
function make(file: SecretFile): string {
  const secret = newSecret();
  const draft = temporaryPath(file.path);
  try {
    writeFileSync(draft, `${secret}\n`, { mode: fileMode, flag: 'wx', flush: true });
    // The umask may have taken away even the owner's rights.
    chmodSync(draft, fileMode);
    linkSync(draft, file.path);
    return secret;
  } catch (error) {
    if (systemCode(error) !== 'EEXIST') throw error;
    const other = readNow(file);
    // A link that leads nowhere.
    if (other === null) throw file.damaged();
    return other;
  } finally {
    rmSync(draft, { force: true });
  }
}
