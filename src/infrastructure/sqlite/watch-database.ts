import { watch } from 'node:fs';
import { basename, dirname } from 'node:path';

/**
 * Reports writes to a database or its log by any process, including this one.
 * @param onLost writes are no longer reported; called at most once
 * @returns a function that ends it; null where the system does not report writes promptly
 */
export function watchDatabase(file: string, onWrite: () => void, onLost: () => void): (() => void) | null {
  // Other systems report changes late and in batches.
  if (process.platform !== 'linux') return null;
  const name = basename(file);
  try {
    const watcher = watch(dirname(file), { persistent: false }, (_, written) => {
      if (written === null || written.startsWith(name)) onWrite();
    });
    watcher.once('error', () => {
      watcher.close();
      onLost();
    });
    return () => watcher.close();
  } catch {
    // Such as ENOSPC, when the user's inotify watches are used up.
    return null;
  }
}
