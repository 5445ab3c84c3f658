import { lstatSync } from 'node:fs';
import { join } from 'node:path';
import { MaosError, quote } from '../../../domain/errors.ts';
import { writeFileAtomic } from '../disk/atomic.ts';
import { newSecret, readOrMakeSecret } from './secret-file.ts';

function tokenPath(home: string): string {
  return join(home, 'http-token');
}

/**
 * The token for HTTP mode; created at the first call.
 * @param home must exist
 * @throws MaosError CONFIG_INVALID when the file holds something else, FORBIDDEN, RESOURCE_LIMIT_EXCEEDED
 */
export function readHttpToken(home: string): string {
  const path = tokenPath(home);
  const damaged = (): MaosError =>
    new MaosError(
      'CONFIG_INVALID',
      `${quote(path)} does not contain a token (32 to 200 of A-Z, a-z, 0-9, '_' and '-'). 'maos token --rotate' writes a new one.`,
    );
  return readOrMakeSecret({ path, damaged });
}

/**
 * Replaces the token. Running servers use it immediately, because they read it for every request.
 * @returns the new token
 * @throws MaosError CONFIG_INVALID when there is a folder of that name, FORBIDDEN, RESOURCE_LIMIT_EXCEEDED
 */
export async function rotateHttpToken(home: string): Promise<string> {
  const path = tokenPath(home);
  if (lstatSync(path, { throwIfNoEntry: false })?.isDirectory() === true) {
    throw new MaosError(
      'CONFIG_INVALID',
      `${quote(path)} is a folder, but must be the token file: move it away.`,
    );
  }
  const token = newSecret();
  await writeFileAtomic(path, `${token}\n`);
  return token;
}
