import { watch } from 'node:fs';

export interface FolderWatch {
  /** Calls back whenever the file of that name may have changed. */
  on(name: string, callback: () => void): void;
  close(): void;
}

/**
 * Tells which files of a folder change, as far as the file system says so: a hint, to be backed by a slow poll.
 * @param onProblem there will be no (more) events; called at most once
 */
export function watchFolder(folder: string, onProblem: (cause: unknown) => void): FolderWatch {
  const callbacks = new Map<string, () => void>();
  const on: FolderWatch['on'] = (name, callback) => void callbacks.set(name, callback);
  try {
    const watcher = watch(folder, (_, name) => {
      if (name !== null) callbacks.get(name)?.();
      else for (const callback of callbacks.values()) callback();
    });
    watcher.once('error', (error) => {
      watcher.close();
      onProblem(error);
    });
    return { on, close: () => watcher.close() };
  } catch (error) {
    // Such as ENOSPC, when the user's inotify watches are used up.
    onProblem(error);
    return { on, close: () => {} };
  }
}
