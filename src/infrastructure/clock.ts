import type { Clock } from '../application/ports/clock.ts';

/** Longest delay setTimeout takes (24.8 days); a longer one would fire at once. */
const longestDelayMs = 2 ** 31 - 1;

/** Between two looks at a clock that goes on in sleep, and the most that one of them adds. */
const stepMs = 2_000;
const longestStepMs = 10_000;

/**
 * Counts a clock without the time the machine slept: looked at every few seconds, it takes a long step only then.
 * @param every calls `look` again and again
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
 * `performance.now()` is CLOCK_MONOTONIC on Linux: nobody sets it, and it stands still while the machine sleeps. On
 * macOS it is mach_continuous_time, which goes on in sleep.
 */
const elapsedMs =
  process.platform === 'darwin'
    ? makeAwakeTime(
        () => performance.now(),
        (ms, look) => setInterval(look, ms).unref(),
      )
    : () => performance.now();

/** The machine's clock. */
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
    // A timer counts from when its turn of the event loop began, and comes so much too early.
    const look = (): void => {
      if (performance.now() < due) arm();
      else callback();
    };
    arm();
    return () => clearTimeout(timer);
  },
};
