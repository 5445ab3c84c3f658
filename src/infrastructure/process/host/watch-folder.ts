import { watch } from 'node:fs';

export interface FolderWatch {
  /** Calls back whenever the file of that name may have changed. */
  on(name: string, callback: () => void): void;
  /** Calls back whenever any file may have changed. */
  onAny(callback: () => void): void;
  close(): void;
}

/**
 * Reports changed files of a folder as far as the file system sends events. Only a hint: back it with a slow poll.
 * @param onProblem no more events will come; called at most once
 */
export function watchFolder(folder: string, onProblem: (cause: unknown) => void): FolderWatch {
  const callbacks = new Map<string, () => void>();
  const on: FolderWatch['on'] = (name, callback) => void callbacks.set(name, callback);
  let any = (): void => {};
  const onAny: FolderWatch['onAny'] = (callback) => {
    any = callback;
  };
  try {
    const watcher = watch(folder, (_, name) => {
      any();
      if (name !== null) callbacks.get(name)?.();
      else for (const callback of callbacks.values()) callback();
    });
    watcher.once('error', (error) => {
      watcher.close();
      onProblem(error);
    });
    return { on, onAny, close: () => watcher.close() };
  } catch (error) {
    // For example ENOSPC, when the user's inotify watches are used up.
    onProblem(error);
    return { on, onAny, close: () => {} };
  }
}
