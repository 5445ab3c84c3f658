import type { RecordedEvent } from '../../domain/events.ts';
import type { SessionId } from '../../domain/ids.ts';
import type { ChangeWatcher } from '../change-watcher.ts';
import type { SessionStore } from '../ports/session-store.ts';

const batchSize = 500;

/**
 * Events of a session after `after`: the stored ones, then each new one, whichever process stores it, in order and
 * without gaps or repetitions. Ends when the signal aborts.
 * @throws MaosError SESSION_NOT_FOUND when there is no such session
 */
export async function* followEvents(
  source: { readonly store: SessionStore; readonly watcher: ChangeWatcher },
  id: SessionId,
  after: number,
  signal: AbortSignal,
): AsyncGenerator<readonly RecordedEvent[]> {
  source.store.summary(id);
  let last = after;
  let changed = true;
  let wake = (): void => {};
  const onChange = (): void => {
    changed = true;
    wake();
  };
  const unsubscribe = source.watcher.subscribe(onChange);
  signal.addEventListener('abort', onChange);
  try {
    while (!signal.aborted) {
      if (!changed) {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
        continue;
      }
      // Reset before reading, so that a change during the read causes another one.
      changed = false;
      for (;;) {
        const events = source.store.events(id, last, batchSize);
        const newest = events.at(-1);
        if (newest === undefined) break;
        last = newest.seq;
        yield events;
        if (signal.aborted) return;
      }
    }
  } finally {
    unsubscribe();
    signal.removeEventListener('abort', onChange);
  }
}
