import type { ChangeWatcher } from './change-watcher.ts';
import type { Clock } from './ports/clock.ts';

/** The longest wait without a look: the clock may be set meanwhile. */
const longestTimerMs = 60_000;

interface Waiting {
  /** When something becomes due that the store does not report as a change (ISO 8601); null: nothing. */
  readonly nextDue?: () => string | null;
  /** Default: until the signal aborts. */
  readonly waitMs?: number;
}

/**
 * Calls `look` now, after every change of the store by any process, and when something is due.
 * @returns its first result that is not null; null when the time is up or the signal aborts
 */
export async function untilFound<T>(
  { watcher, clock }: { readonly watcher: Pick<ChangeWatcher, 'subscribe'>; readonly clock: Clock },
  look: () => T | null | Promise<T | null>,
  { nextDue = () => null, waitMs = Number.POSITIVE_INFINITY }: Waiting,
  signal: AbortSignal,
): Promise<T | null> {
  const until = clock.elapsedMs() + waitMs;
  let wake = (): void => {};
  let rung = false;
  const ring = (): void => {
    rung = true;
    wake();
  };
  // Before the first look, so that a change during it causes another one.
  const unsubscribe = waitMs > 0 ? watcher.subscribe(ring) : null;
  signal.addEventListener('abort', ring);
  try {
    for (;;) {
      rung = false;
      const found = signal.aborted ? null : await look();
      const leftMs = until - clock.elapsedMs();
      if (found !== null || signal.aborted || leftMs <= 0) return found;
      const due = nextDue();
      const dueMs =
        due === null ? Number.POSITIVE_INFINITY : Math.max(1, Date.parse(due) - Date.parse(clock.now()));
      const cancel = clock.after(Math.min(leftMs, dueMs, longestTimerMs), ring);
      await new Promise<void>((resolve) => {
        wake = resolve;
        if (rung) resolve();
      });
      cancel();
    }
  } finally {
    unsubscribe?.();
    signal.removeEventListener('abort', ring);
  }
}
