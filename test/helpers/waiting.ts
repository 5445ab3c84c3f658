import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';

/**
 * Longer than any machine should take, but shorter than a test's time limit, so that the error names what was awaited.
 */
const deadlineMs = 90_000;

/**
 * Waits until the condition holds.
 * @param what describes it in the error message, as a text or a function called then; default: the condition's source
 * @returns the condition's value
 */
export async function until<T>(
  condition: () => T | Promise<T>,
  what: string | (() => string) = `${condition}`,
): Promise<NonNullable<T>> {
  const deadline = performance.now() + deadlineMs;
  for (;;) {
    const value = await condition();
    if (value) return value;
    if (performance.now() > deadline) {
      assert.fail(`waited in vain for ${typeof what === 'string' ? what : what()}`);
    }
    await sleep(10);
  }
}

/** Waits for a promise, at most as long as {@link until}. @param what describes it in the error message */
export async function inTime<T>(promise: Promise<T>, what: string): Promise<T> {
  const over = new AbortController();
  const late = sleep(deadlineMs, undefined, { signal: over.signal, ref: false }).then(() =>
    assert.fail(`waited in vain: ${what}`),
  );
  try {
    return await Promise.race([promise, late]);
  } finally {
    over.abort();
    late.catch(() => {});
  }
}

/**
 * Lets time pass, for events that must not happen, or so that a kill happens at a different moment in each round. Never
 * use it to wait for something: a test that fails or passes depending on the machine's speed proves nothing.
 */
export async function giveTimeTo(_what: string, ms: number): Promise<void> {
  await sleep(ms);
}
