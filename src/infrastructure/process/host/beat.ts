/**
 * Problem: two hundred agents, each polled by its own timer, wake the process hundreds of times a second.
 * Solution: everything polled at the same interval shares one timer.
 */
interface Beat {
  readonly callbacks: Set<() => void>;
  readonly timer: NodeJS.Timeout;
}

const beats = new Map<number, Beat>();

/**
 * Calls back once, at the next tick of that interval: after at most `ms` milliseconds.
 * @returns a function that cancels the call
 */
export function atNextBeat(ms: number, callback: () => void): () => void {
  const beat = beats.get(ms) ?? begin(ms);
  // A new function each time, so that the same callback can be registered more than once.
  const entry = (): void => callback();
  beat.callbacks.add(entry);
  return () => {
    // A timer without callbacks would keep an idle process alive.
    if (beat.callbacks.delete(entry) && beat.callbacks.size === 0) end(ms, beat);
  };
}

function begin(ms: number): Beat {
  const callbacks = new Set<() => void>();
  const timer = setTimeout(() => {
    end(ms, beat);
    for (const call of callbacks) call();
  }, ms);
  const beat = { callbacks, timer };
  beats.set(ms, beat);
  return beat;
}

function end(ms: number, beat: Beat): void {
  clearTimeout(beat.timer);
  if (beats.get(ms) === beat) beats.delete(ms);
}
