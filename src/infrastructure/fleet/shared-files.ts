import { createHash } from 'node:crypto';
import { lstatSync, mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { packTar, unpackTar } from 'modern-tar';
import type { SharedFiles } from '../../application/ports/hosting.ts';
import { MaosError, quote } from '../../domain/errors.ts';
import { readArtifactFile } from '../files/artifacts/artifact-read.ts';
import { scanFiles } from '../files/artifacts/artifact-scan.ts';
import { writeFileAtomic } from '../files/disk/atomic.ts';
import { fileError } from '../files/disk/file-error.ts';
import { ownerOfPath, type SessionLayout } from '../files/home/layout.ts';

/** Of all files of an archive together. */
const maxBytes = 256 * 1024 * 1024;
const context = 'shared/context/';

export function makeSharedFiles(layout: SessionLayout): SharedFiles {
  return {
    async pack(id, resultsOf, known) {
      const base = layout.session(id);
      const skip = (path: string): boolean => {
        const owner = ownerOfPath(`${path}/`);
        return resultsOf !== null && owner !== null && owner !== resultsOf;
      };
      const { files } = await scanFiles(base, ['shared/context', 'results'], { skip });
      const digests = known === null ? new Map<string, string>() : await digestsOf(known);
      const entries = [];
      let total = 0;
      for (const { path } of files) {
        const body = await readArtifactFile(base, path, maxBytes - total);
        if (digests.get(path) === digestOf(body)) continue;
        total += body.length;
        entries.push({ header: { name: path, size: body.length, mode: 0o600 }, body });
      }
      return entries.length === 0 ? null : packTar(entries);
    },

    async unpack(id, resultsOf, archive) {
      const base = layout.session(id);
      for (const { header, data } of await unpackTar(archive)) {
        const { name, type } = header;
        if ((type ?? 'file') !== 'file' || data === undefined) throw refused(name, 'is not a file');
        checkPath(name, resultsOf);
        makeFolders(base, name);
        // Replaces a link instead of following it.
        await writeFileAtomic(join(base, name), data);
      }
    },
  };
}

async function digestsOf(archive: Uint8Array): Promise<Map<string, string>> {
  const entries = await unpackTar(archive);
  return new Map(entries.map(({ header, data }) => [header.name, digestOf(data ?? new Uint8Array())]));
}

function digestOf(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** @throws MaosError FORBIDDEN */
function checkPath(path: string, resultsOf: string | null): void {
  const parts = path.split('/');
  const isPlain = parts.every((part) => part !== '' && part !== '.' && part !== '..' && !/[\0\\]/.test(part));
  const owner = ownerOfPath(path);
  const isInside = path.startsWith(context) || (owner !== null && (resultsOf ?? owner) === owner);
  if (!isPlain || !isInside || path.length > 4_096)
    throw refused(path, 'is outside the folders of the agent');
}

/** Every folder on the way is a real one: an agent may have put a link there. */
function makeFolders(base: string, path: string): void {
  const folders = dirname(path).split('/');
  for (const [index] of folders.entries()) {
    const folder = join(base, ...folders.slice(0, index + 1));
    try {
      mkdirSync(folder, { mode: 0o700 });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw fileError(error, 'create', folder);
      if (!lstatSync(folder).isDirectory()) throw refused(path, 'leads through something that is no folder');
    }
  }
}

function refused(path: string, why: string): MaosError {
  return new MaosError('FORBIDDEN', `The file ${quote(path)} from another machine is refused: it ${why}.`);
}
