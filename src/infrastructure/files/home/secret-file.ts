import { randomBytes } from 'node:crypto';
import { chmodSync, linkSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { MaosError } from '../../../domain/errors.ts';
import { temporaryPath } from '../disk/atomic.ts';
import { fileError, isMissing, systemCode } from '../disk/file-error.ts';
import { fileMode } from '../disk/folders.ts';

/** 256 bits, in characters that never need quoting. */
export function newSecret(): string {
  return randomBytes(32).toString('base64url');
}

/** Any other content was not written by MAOS. */
const secretPattern = /^[A-Za-z0-9_-]{32,200}$/;

/** A file with one secret, readable only by this user. Its folder must exist. */
export interface SecretFile {
  readonly path: string;
  /** The error for a file with other content. */
  readonly damaged: () => MaosError;
}

/**
 * Reads the secret; creates it at the first call (0600). When several processes create it at once, all get the same
 * one.
 * @throws MaosError of `damaged`, FORBIDDEN, RESOURCE_LIMIT_EXCEEDED
 */
export function readOrMakeSecret(file: SecretFile): string {
  return withFileErrors(file, () => readNow(file) ?? make(file));
}

/** Null if there is none. @throws MaosError of `damaged`, FORBIDDEN */
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
  // Someone may have changed the mode by hand.
  if ((statSync(path).mode & 0o077) !== 0) chmodSync(path, fileMode);
  return text;
}

/** Complete before it gets its name: link fails when another process was faster. */
function make(file: SecretFile): string {
  const secret = newSecret();
  const draft = temporaryPath(file.path);
  try {
    writeFileSync(draft, `${secret}\n`, { mode: fileMode, flag: 'wx', flush: true });
    // The umask may have removed even the owner's permissions.
    chmodSync(draft, fileMode);
    linkSync(draft, file.path);
    return secret;
  } catch (error) {
    if (systemCode(error) !== 'EEXIST') throw error;
    const other = readNow(file);
    // A dangling link.
    if (other === null) throw file.damaged();
    return other;
  } finally {
    rmSync(draft, { force: true });
  }
}
