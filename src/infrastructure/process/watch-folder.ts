import { watch } from 'node:fs';

/**
 * Tells which files of a folder changed, as far as the file system says so: a hint, to be backed by a slow poll.
 * @param onChange with the file's name; null when it is not known
 * @param onProblem there will be no (more) events; called at most once
 * @returns ends it
 */
export function watchFolder(
  folder: string,
  onChange: (name: string | null) => void,
  onProblem: (cause: unknown) => void,
): () => void {
  try {
    const watcher = watch(folder, (_, name) => onChange(name));
    watcher.once('error', (error) => {
      watcher.close();
      onProblem(error);
    });
    return () => watcher.close();
  } catch (error) {
    // Such as ENOSPC, when the user's inotify watches are used up.
    onProblem(error);
    return () => {};
  }
}
