import type { Clock } from '../application/ports/clock.ts';

/** Maximum delay of setTimeout (24.8 days); a longer one would fire immediately. */
const longestDelayMs = 2 ** 31 - 1;

/** Interval between readings of a clock that continues during sleep, and the most that one reading adds. */
const stepMs = 2_000;
const longestStepMs = 10_000;

/**
 * Counts a clock without the time that the machine slept: with a reading every few seconds, only sleep causes a long
 * step.
 * @param every calls `look` periodically
 */
export function makeAwakeTime(
  read: () => number,
  every: (ms: number, look: () => void) => void,
): () => number {
  let counted = 0;
  let last = read();
  const look = (): number => {
    const now = read();
    counted += Math.min(now - last, longestStepMs);
    last = now;
    return counted;
  };
  every(stepMs, look);
  return look;
}

/**
 * On Linux, `performance.now()` is CLOCK_MONOTONIC, which cannot be set and stops while the machine sleeps. On macOS it
 * is mach_continuous_time, which continues during sleep.
 */
const elapsedMs =
  process.platform === 'darwin'
    ? makeAwakeTime(
        () => performance.now(),
        (ms, look) => setInterval(look, ms).unref(),
      )
    : () => performance.now();

export const systemClock: Clock = {
  now: () => new Date().toISOString(),
  elapsedMs,

  after(ms, callback) {
    const due = performance.now() + ms;
    let timer: NodeJS.Timeout;
    const arm = (): void => {
      const left = Math.max(0, Math.ceil(due - performance.now()));
      timer = setTimeout(look, Math.min(left, longestDelayMs));
      timer.unref();
    };
    // A timer counts from the beginning of its event loop turn, so it can fire early.
    const look = (): void => {
      if (performance.now() < due) arm();
      else callback();
    };
    arm();
    return () => clearTimeout(timer);
  },
};
