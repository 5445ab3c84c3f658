import { readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { AttemptKey } from '../../application/ports/fleet.ts';
import type { HostedRecord, HostedRecords } from '../../application/ports/hosting.ts';
import { writeFileAtomic } from '../files/disk/atomic.ts';
import { ensureFolderSync } from '../files/disk/folders.ts';
import { decodeOrder } from './launch-order.ts';
import { readKey } from './messages.ts';

/** Stores a file for each attempt in a folder. */
export function makeHostedRecords(folder: string): HostedRecords {
  const fileOf = ({ project, sessionId, agentId, attempt }: AttemptKey): string =>
    join(folder, `${project}.${sessionId}.${agentId}.${attempt}.json`);
  const givenOf = (key: AttemptKey): string => `${fileOf(key)}.given`;
  return {
    async save(record) {
      ensureFolderSync(folder);
      await writeFileAtomic(fileOf(record.key), JSON.stringify(record));
    },
    async all() {
      ensureFolderSync(folder);
      const names = (await readdir(folder)).filter((name) => /^[0-9a-f].*\.json$/.test(name));
      return Promise.all(names.map(async (name) => recordOf(await readFile(join(folder, name), 'utf8'))));
    },
    async keepGiven(key, archive) {
      ensureFolderSync(folder);
      await writeFileAtomic(givenOf(key), archive);
    },
    given: (key) =>
      readFile(givenOf(key)).catch((error: NodeJS.ErrnoException) => {
        if (error.code === 'ENOENT') return null;
        throw error;
      }),
    async remove(key) {
      await rm(givenOf(key), { force: true });
      await rm(fileOf(key), { force: true });
    },
  };
}

/** Records of earlier versions lack the times. */
function recordOf(text: string): HostedRecord {
  const { key, order, ...state } = JSON.parse(text) as Partial<HostedRecord>;
  return {
    key: readKey(key),
    order: decodeOrder(Buffer.from(JSON.stringify(order))),
    since: new Date().toISOString(),
    suspended: { ms: 0, since: null },
    limited: null,
    ...state,
  };
}
