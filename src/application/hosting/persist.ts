import type { Clock } from '../ports/clock.ts';
import type { Log } from '../ports/log.ts';

const firstPauseMs = 250;
const longestPauseMs = 5_000;

/** Repeats what fails until it works: the engine may be away for any time. @throws the signal's reason once it has aborted */
export async function persist<T>(
  what: string,
  act: () => Promise<T>,
  { clock, log, signal }: { readonly clock: Clock; readonly log: Log; readonly signal: AbortSignal },
): Promise<T> {
  for (let pauseMs = firstPauseMs; ; pauseMs = Math.min(2 * pauseMs, longestPauseMs)) {
    signal.throwIfAborted();
    try {
      return await act();
    } catch (error) {
      if (pauseMs === firstPauseMs)
        log.log('warn', `${what} failed; it is tried again`, { error: String(error) });
      await pause(clock, pauseMs, signal);
    }
  }
}

/** Ends early when the signal aborts. */
export function pause(clock: Clock, ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const end = (): void => {
      cancel();
      // The signal of a host lives as long as its process, which pauses several times a second.
      signal.removeEventListener('abort', end);
      resolve();
    };
    const cancel = clock.after(ms, end);
    signal.addEventListener('abort', end);
  });
}
