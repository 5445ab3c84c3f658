/**
 * Problem: two hundred agents, each polled by a timer of its own, wake the process hundreds of times a second.
 * Solution: all that is polled at the same pace is polled at one beat.
 */
interface Beat {
  readonly callbacks: Set<() => void>;
  readonly timer: NodeJS.Timeout;
}

const beats = new Map<number, Beat>();

/**
 * Calls back once, at the next beat of that pace: after at most `ms` milliseconds.
 * @returns calls it off
 */
export function atNextBeat(ms: number, callback: () => void): () => void {
  const beat = beats.get(ms) ?? begin(ms);
  // One function can wait any number of times.
  const entry = (): void => callback();
  beat.callbacks.add(entry);
  return () => {
    // A timer without callbacks would keep a process alive that has nothing else to do.
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
