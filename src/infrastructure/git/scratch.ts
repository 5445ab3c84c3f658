import { randomBytes } from 'node:crypto';
import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { ensureFolder } from '../files/disk/folders.ts';
import { mayBeAlive } from '../process/tree/identity.ts';

/** The process that made the folder, and a random number. */
const folderName = /^(\d+)-[0-9a-f]{12}$/;

/**
 * Runs a task with an empty folder of its own, and removes the folder afterwards. Also removes those of processes that
 * were killed.
 * @param parent contains nothing but such folders
 */
export async function withScratch<T>(parent: string, task: (folder: string) => Promise<T>): Promise<T> {
  await ensureFolder(parent);
  for (const name of await readdir(parent)) {
    const pid = Number(folderName.exec(name)?.[1] ?? Number.NaN);
    if (!Number.isNaN(pid) && !mayBeAlive(pid))
      await rm(join(parent, name), { recursive: true, force: true });
  }
  const folder = join(parent, `${process.pid}-${randomBytes(6).toString('hex')}`);
  await ensureFolder(folder);
  try {
    return await task(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
