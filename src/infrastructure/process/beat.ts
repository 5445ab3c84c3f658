/**
 * Problem: two hundred agents, each polled by a timer of its own, wake the process hundreds of times a second.
 * Solution: all that is polled at the same pace is polled at one beat.
 */
const waiting = new Map<number, Set<() => void>>();

/**
 * Calls back once, at the next beat of that pace: after at most `ms` milliseconds.
 * @returns calls it off
 */
export function atNextBeat(ms: number, callback: () => void): () => void {
  let callbacks = waiting.get(ms);
  if (callbacks === undefined) {
    callbacks = new Set();
    waiting.set(ms, callbacks);
    const due = callbacks;
    setTimeout(() => {
      waiting.delete(ms);
      for (const call of due) call();
    }, ms);
  }
  // One function can wait any number of times.
  const entry = (): void => callback();
  callbacks.add(entry);
  return () => callbacks.delete(entry);
}
