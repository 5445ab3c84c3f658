import { randomBytes } from 'node:crypto';
import { chmodSync, linkSync, lstatSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { MaosError, quote } from '../../../domain/errors.ts';
import { temporaryPath, writeFileAtomic } from '../disk/atomic.ts';
import { fileError, isMissing, systemCode } from '../disk/file-error.ts';
import { fileMode } from '../disk/folders.ts';

/** 256 bits, in characters that need no quoting anywhere. */
function newToken(): string {
  return randomBytes(32).toString('base64url');
}

/** What a token looks like; anything else in the file was not written by MAOS. */
const tokenPattern = /^[A-Za-z0-9_-]{32,200}$/;

function tokenPath(home: string): string {
  return join(home, 'http-token');
}

/**
 * The token that opens HTTP mode; made at the first call (0600). Of several processes that make it at once, one wins, and
 * all have that one.
 * @param home exists
 * @throws MaosError CONFIG_INVALID when the file holds something else, FORBIDDEN, RESOURCE_LIMIT_EXCEEDED
 */
export function readHttpToken(home: string): string {
  const path = tokenPath(home);
  try {
    const found = readToken(path) ?? makeToken(path);
    // Others on this machine may have been let in by hand.
    if ((statSync(path).mode & 0o077) !== 0) chmodSync(path, fileMode);
    return found;
  } catch (error) {
    if (error instanceof MaosError) throw error;
    throw fileError(error, 'read', path);
  }
}

/**
 * Replaces the token, at once for servers that run: they ask for it at every request.
 * @returns the new one
 * @throws MaosError CONFIG_INVALID when a folder has its name, FORBIDDEN, RESOURCE_LIMIT_EXCEEDED
 */
export async function rotateHttpToken(home: string): Promise<string> {
  const path = tokenPath(home);
  if (lstatSync(path, { throwIfNoEntry: false })?.isDirectory() === true) {
    throw new MaosError(
      'CONFIG_INVALID',
      `${quote(path)} is a folder, but must be the token file: move it away.`,
    );
  }
  const token = newToken();
  await writeFileAtomic(path, `${token}\n`);
  return token;
}

function readToken(path: string): string | null {
  let text: string;
  try {
    text = readFileSync(path, 'utf8').trim();
  } catch (error) {
    if (isMissing(error)) return null;
    if (systemCode(error) === 'EISDIR') throw noToken(path);
    throw error;
  }
  if (tokenPattern.test(text)) return text;
  throw noToken(path);
}

function noToken(path: string): MaosError {
  return new MaosError(
    'CONFIG_INVALID',
    `${quote(path)} does not contain a token (32 to 200 of A-Z, a-z, 0-9, '_' and '-'). 'maos token --rotate' writes a new one.`,
  );
}

/** Whole before it has its name: a link fails where another process was faster. */
function makeToken(path: string): string {
  const token = newToken();
  const draft = temporaryPath(path);
  try {
    writeFileSync(draft, `${token}\n`, { mode: fileMode, flag: 'wx', flush: true });
    // The umask may have taken away even the owner's rights.
    chmodSync(draft, fileMode);
    linkSync(draft, path);
    return token;
  } catch (error) {
    if (systemCode(error) !== 'EEXIST') throw error;
    const other = readToken(path);
    // A link that leads nowhere.
    if (other === null) throw noToken(path);
    return other;
  } finally {
    rmSync(draft, { force: true });
  }
}
