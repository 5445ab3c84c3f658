import { createHash } from 'node:crypto';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import type { OutputDigest } from '../../../application/ports/agent-disk.ts';
import { fileError, isMissing } from '../disk/file-error.ts';
import { safeRead } from './output.ts';

/**
 * Digest of everything that a check printed: stdout, then stderr.
 * @param folder of the check
 * @returns null when both logs are missing
 * @throws MaosError FORBIDDEN for a link
 */
export async function digestOutput(folder: string): Promise<OutputDigest | null> {
  const hash = createHash('sha256');
  let bytes = 0;
  let found = false;
  for (const name of ['stdout.log', 'stderr.log']) {
    const path = join(folder, name);
    try {
      const file = await open(path, safeRead);
      found = true;
      for await (const chunk of file.createReadStream()) {
        hash.update(chunk);
        bytes += chunk.length;
      }
    } catch (error) {
      if (!isMissing(error)) throw fileError(error, 'read', path);
    }
  }
  return found ? { bytes, sha256: hash.digest('hex') } : null;
}
