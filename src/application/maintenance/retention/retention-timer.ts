import type { Project } from '../../project.ts';
import { collectGarbage } from './collect-garbage.ts';
import { earlier } from './earlier.ts';

/**
 * Delay of the first collection after the start, and the interval between collections, shared by all processes of a
 * project.
 */
const firstMs = 60_000;
const everyMs = 6 * 3_600_000;

/**
 * Collects automatically while this process lives: a minute after it opened the project, then every few hours.
 * @returns a function that stops it
 */
export function startRetentionTimer(project: Project): () => void {
  const { clock, log, files, settings } = project;
  const stopped = new AbortController();
  let cancel = clock.after(firstMs, () => void turn());

  async function turn(): Promise<void> {
    try {
      const last = await files.maintenance.lastCollection();
      const isDue = last === null || last < earlier(clock.now(), everyMs) || last > clock.now();
      if (isDue && !stopped.signal.aborted) {
        const { removed, removedBytes, notRemoved } = await collectGarbage(
          project,
          settings.retention,
          clock.now(),
          false,
          stopped.signal,
        );
        if (removed.length > 0) {
          log.log('info', 'old sessions removed', { sessions: removed.length, bytes: removedBytes });
        }
        for (const { path, reason } of notRemoved) {
          log.log('warn', 'an old session was removed only in part, retrying later', { path, reason });
        }
      }
    } catch (error) {
      if (!stopped.signal.aborted) log.log('warn', 'old sessions not removed, retrying later', { error });
    }
    if (!stopped.signal.aborted) cancel = clock.after(everyMs, () => void turn());
  }

  return () => {
    stopped.abort();
    cancel();
  };
}
