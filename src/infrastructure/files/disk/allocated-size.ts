import type { Dirent, Stats } from 'node:fs';
import { lstat, opendir } from 'node:fs/promises';
import { bytesOfName, joinBytes, nameEncoding } from './file-names.ts';

/** The unit of `Stats.blocks`, on every file system. */
const blockBytes = 512;
/** Entries looked at at once. */
const atOnce = 16;
/** Files with several names that are remembered, to be counted once. */
const mostLinked = 100_000;

/**
 * The room that everything in a folder takes on the disk, in bytes: not what a sparse file claims to be. What cannot be
 * looked at (closed by an agent, deeper than a path can name) is not counted.
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
      // Its type knows no bytes for a path, but it takes them.
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
      // Closed, gone or too deep: what is in it cannot be counted, the rest can.
    }
  }
  return bytes;
}

/** Gone since it was listed, or not to be named: nothing that can be counted. */
function unknown(): null {
  return null;
}
