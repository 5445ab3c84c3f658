import { isMaosError } from '../domain/errors.ts';
import type { Clock } from './ports/clock.ts';
import type { Settings } from './ports/settings.ts';

/** What waiting for a store needs. */
export interface StorePatience {
  readonly clock: Pick<Clock, 'after'>;
  readonly settings: Pick<Settings, 'storePatienceMs'>;
}

/** Pause between two tries; locks are usually held for milliseconds. */
const pauseMs = 20;

/**
 * Uses a store that other processes write to as well. A statement waits for their lock only as long as a serving
 * process may block; this retries asynchronously, as long as the settings allow.
 * @throws MaosError STORE_BUSY when it stays locked, and every error of the work
 */
export function whenFree<T>({ clock, settings }: StorePatience, work: () => T): Promise<T> {
  return untilFree(clock, () => settings.storePatienceMs, work);
}

/** The same without a project. */
export async function untilFree<T>(
  clock: Pick<Clock, 'after'>,
  patienceMs: () => number,
  work: () => T,
): Promise<T> {
  for (let waited = 0; ; waited += pauseMs) {
    try {
      return work();
    } catch (error) {
      if (!isMaosError(error, 'STORE_BUSY') || waited >= patienceMs()) throw error;
    }
    await new Promise<void>((resolve) => clock.after(pauseMs, resolve));
  }
}
