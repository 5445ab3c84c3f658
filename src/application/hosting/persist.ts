import { isMaosError, MaosError } from '../../domain/errors.ts';
import type { Clock } from '../ports/clock.ts';
import type { Log } from '../ports/log.ts';

const firstPauseMs = 250;
const longestPauseMs = 5_000;

export interface Persistence {
  readonly clock: Clock;
  readonly log: Log;
  /** Aborts when this process ends. */
  readonly signal: AbortSignal;
}

/**
 * Retries until it works, because the NATS server may be away for any time.
 * @throws the signal's reason once it has aborted
 */
export async function persist<T>(
  what: string,
  act: () => Promise<T>,
  { clock, log, signal }: Persistence,
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

/** Gets something from the NATS server. @throws MaosError if it will never be there */
export async function getting<T>(act: () => Promise<T>, deps: Persistence): Promise<T> {
  const got = await persist(
    'getting files',
    () =>
      act().catch((error: unknown) => {
        if (isMaosError(error)) return error;
        throw error;
      }),
    deps,
  );
  if (got instanceof MaosError) throw got;
  return got;
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
