import { watch } from 'node:fs';
import { basename, dirname } from 'node:path';

/**
 * Tells when somebody, this process too, writes to a database or its log.
 * @param onLost there will be no (more) calls; called at most once
 * @returns ends it; null where the system does not tell at once
 */
export function watchDatabase(file: string, onWrite: () => void, onLost: () => void): (() => void) | null {
  // The events of other systems come late and in heaps.
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
