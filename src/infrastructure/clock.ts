import type { Clock } from '../application/ports.ts';

/** Longest delay setTimeout takes (24.8 days); a longer one would fire at once. */
const longestDelayMs = 2 ** 31 - 1;

/** The machine's clock. */
export const systemClock: Clock = {
  now: () => new Date().toISOString(),

  after(ms, callback) {
    const due = performance.now() + ms;
    let timer: NodeJS.Timeout;
    const arm = (): void => {
      const left = Math.max(0, due - performance.now());
      timer = left > longestDelayMs ? setTimeout(arm, longestDelayMs) : setTimeout(callback, left);
      timer.unref();
    };
    arm();
    return () => clearTimeout(timer);
  },
};
