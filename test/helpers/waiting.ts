import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';

/** Longer than any machine should take, shorter than the time limit of a test: who waits in vain says for what. */
const deadlineMs = 90_000;

/**
 * Waits until the condition holds.
 * @param what for the message when it never does, or what tells it then; default: the condition's source
 * @returns what the condition gave
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

/** Waits for what comes only once, at most as long as {@link until}. @param what for the message when it never comes */
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
 * Lets some time pass: for what must not happen, or so that a kill comes at another moment each round. Never to wait for
 * something: a test that fails on a slow machine, or passes only there, shows nothing.
 */
export async function giveTimeTo(_what: string, ms: number): Promise<void> {
  await sleep(ms);
}
