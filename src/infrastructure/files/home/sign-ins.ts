import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import * as z from 'zod';
import { type SignIns, signInDays } from '../../../application/ports/sign-ins.ts';
import { writeFileAtomic } from '../disk/atomic.ts';
import { fileError, isMissing } from '../disk/file-error.ts';
import { ensureFolder } from '../disk/folders.ts';
import { readHttpToken } from './http-token.ts';
import { newSecret } from './secret-file.ts';

const dayMs = 86_400_000;

/** The content of a file. A sign-in is valid with the token that it was made with. */
const signInSchema = z.object({
  created_at: z.iso.datetime(),
  expires_at: z.iso.datetime(),
  token_digest: z.string(),
});

/** A secret as {@link newSecret} makes it; nothing else becomes a file name. */
const secretPattern = /^[A-Za-z0-9_-]{43}$/;
const namePattern = /^[0-9a-f]{64}$/;

/**
 * One file per sign-in, named by the digest of its secret: who can read the folder learns no secret. Every process of
 * this home sees the same ones.
 * @param home must exist
 * @param now Unix milliseconds
 */
export function makeSignIns(home: string, now: () => number = Date.now): SignIns {
  const folder = signInsFolder(home);
  const fileOf = (secret: string): string => join(folder, digest(secret));
  /** Removes one that will never be valid again. */
  const isCurrent = (path: string): boolean => {
    const found = read(path);
    if (found === null) return false;
    const isValid =
      Date.parse(found.expires_at) > now() && found.token_digest === digest(readHttpToken(home));
    if (!isValid) remove(path);
    return isValid;
  };
  return {
    async begin() {
      await ensureFolder(folder);
      for (const name of readdirSync(folder)) if (namePattern.test(name)) isCurrent(join(folder, name));
      const secret = newSecret();
      const at = now();
      const content: z.infer<typeof signInSchema> = {
        created_at: new Date(at).toISOString(),
        expires_at: new Date(at + signInDays * dayMs).toISOString(),
        token_digest: digest(readHttpToken(home)),
      };
      await writeFileAtomic(fileOf(secret), `${JSON.stringify(content)}\n`);
      return secret;
    },
    isValid: (secret) => secretPattern.test(secret) && isCurrent(fileOf(secret)),
    end(secret) {
      if (secretPattern.test(secret)) remove(fileOf(secret));
    },
  };
}

/** Removes all sign-ins. @throws MaosError FORBIDDEN … */
export function removeSignIns(home: string): void {
  remove(signInsFolder(home));
}

/** A file or a folder; it may be missing. */
function remove(path: string): void {
  try {
    rmSync(path, { recursive: true, force: true });
  } catch (error) {
    throw fileError(error, 'remove', path);
  }
}

function signInsFolder(home: string): string {
  return join(home, 'sign-ins');
}

/** Null if there is none, or something that MAOS did not write. @throws MaosError FORBIDDEN … */
function read(path: string): z.infer<typeof signInSchema> | null {
  try {
    return signInSchema.safeParse(JSON.parse(readFileSync(path, 'utf8'))).data ?? null;
  } catch (error) {
    if (isMissing(error) || error instanceof SyntaxError) return null;
    throw fileError(error, 'read', path);
  }
}

function digest(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
