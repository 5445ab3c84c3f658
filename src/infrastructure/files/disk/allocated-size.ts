import type { Dirent, Stats } from 'node:fs';
import { lstat, opendir } from 'node:fs/promises';
import { bytesOfName, joinBytes, nameEncoding } from './file-names.ts';

/** Unit of `Stats.blocks` on every file system. */
const blockBytes = 512;
/** Number of entries inspected in parallel. */
const atOnce = 16;
/** Maximum number of hard-linked files remembered, so that each counts once. */
const mostLinked = 100_000;

/**
 * The disk space that a folder's content occupies, in bytes, not the apparent size of sparse files. Leaves out what
 * cannot be inspected (folders without permission, paths that are too long).
 */
export async function allocatedSize(folder: string): Promise<number> {
  const linked = new Set<string>();
  const folders: Buffer[] = [Buffer.from(folder)];
  let bytes = 0;
  const count = (stats: Stats): void => {
    if (stats.nlink > 1 && !stats.isDirectory()) {
      const file = `${stats.dev}:${stats.ino}`;
      if (linked.has(file)) return;
      if (linked.size < mostLinked) linked.add(file);
    }
    bytes += stats.blocks * blockBytes;
  };
  for (let next = folders.pop(); next !== undefined; next = folders.pop()) {
    const at = next;
    const look = async (entry: Dirent): Promise<void> => {
      const path = joinBytes(at, bytesOfName(entry.name));
      const stats = await lstat(path).catch(unknown);
      if (stats === null) return;
      count(stats);
      if (stats.isDirectory()) folders.push(path);
    };
    try {
      // The type lacks bytes for a path, but Node accepts them.
      const entries = await opendir(at as unknown as string, { encoding: nameEncoding, bufferSize: 256 });
      let group: Promise<void>[] = [];
      for await (const entry of entries) {
        group.push(look(entry));
        if (group.length < atOnce) continue;
        await Promise.all(group);
        group = [];
      }
      await Promise.all(group);
    } catch {
      // No permission, removed or too deep: the rest can still be counted.
    }
  }
  return bytes;
}

/** Removed since it was listed, or with too long a path: cannot be counted. */
function unknown(): null {
  return null;
}
