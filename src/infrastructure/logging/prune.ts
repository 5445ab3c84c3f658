import { lstat, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileError, isMissing } from '../files/disk/file-error.ts';

/** File names in ~/.maos/logs: the id of an instance. */
const logName = /^inst_[0-7][0-9A-HJKMNP-TV-Z]{25}\.log$/;

/** The log file of an instance. */
export function logPath(home: string, instance: string): string {
  return join(home, 'logs', `${instance}.log`);
}

interface LogFile {
  readonly path: string;
  readonly sizeBytes: number;
  readonly modifiedMs: number;
}

async function logFiles(folder: string): Promise<LogFile[]> {
  const names = (await readdir(folder)).filter((name) => logName.test(name));
  const files = await Promise.all(
    names.map(async (name): Promise<LogFile | null> => {
      const path = join(folder, name);
      try {
        const stats = await lstat(path);
        return stats.isFile() ? { path, sizeBytes: stats.size, modifiedMs: stats.mtimeMs } : null;
      } catch (error) {
        // Another MAOS is pruning at the same time.
        if (isMissing(error)) return null;
        throw error;
      }
    }),
  );
  return files.filter((file) => file !== null);
}

/**
 * Removes the oldest logs until at most `maxFiles` with `maxBytes` in total remain. Leaves other files alone, and those
 * in `keep`, which still count.
 *
 * @param options.keep absolute paths of logs that running instances write
 * @param options.dryRun only report what would be removed
 * @returns removed paths, newest first
 * @throws MaosError FORBIDDEN, INTERNAL
 */
export async function pruneLogs(options: {
  readonly folder: string;
  readonly maxFiles: number;
  readonly maxBytes: number;
  readonly keep?: ReadonlySet<string>;
  readonly dryRun?: boolean;
}): Promise<readonly string[]> {
  const { folder, maxFiles, maxBytes, keep, dryRun = false } = options;
  try {
    const files = await logFiles(folder);
    const kept = (file: LogFile): boolean => keep?.has(file.path) ?? false;
    files.sort(
      (a, b) =>
        Number(kept(b)) - Number(kept(a)) || b.modifiedMs - a.modifiedMs || (a.path < b.path ? 1 : -1),
    );
    const removed: string[] = [];
    let count = 0;
    let bytes = 0;
    for (const file of files) {
      count += 1;
      bytes += file.sizeBytes;
      // Removed files count too, so that a small old log does not outlive a large newer one.
      if (kept(file) || (count <= maxFiles && bytes <= maxBytes)) continue;
      if (!dryRun) await rm(file.path, { force: true });
      removed.push(file.path);
    }
    return removed;
  } catch (error) {
    if (isMissing(error)) return [];
    throw fileError(error, 'clear out', folder);
  }
}
