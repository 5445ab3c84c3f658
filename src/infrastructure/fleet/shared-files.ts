import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { packTar, unpackTar } from 'modern-tar';
import type { SharedFiles } from '../../application/ports/hosting.ts';
import { readArtifactFile } from '../files/artifacts/artifact-read.ts';
import { scanFiles } from '../files/artifacts/artifact-scan.ts';
import { writeFileAtomic } from '../files/disk/atomic.ts';
import { ownerOfPath, type SessionLayout } from '../files/home/layout.ts';
import { isPlainPath, makeFoldersAbove, refusedFile } from './archive-paths.ts';

/** Maximum size of all files of an archive together. */
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
        if ((type ?? 'file') !== 'file' || data === undefined) throw refusedFile(name, 'is not a file');
        checkPath(name, resultsOf);
        makeFoldersAbove(base, name);
        // Replaces a link there instead of following it.
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
  const owner = ownerOfPath(path);
  const isInside = path.startsWith(context) || (owner !== null && (resultsOf ?? owner) === owner);
  if (!isPlainPath(path) || !isInside) throw refusedFile(path, 'is outside the folders of the agent');
}
