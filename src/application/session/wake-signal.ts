import type { Clock } from '../ports/clock.ts';

/** Wakes a loop. If notified while it works, the loop does not wait; several notifications wake it once. */
export class WakeSignal {
  readonly #clock: Clock;
  readonly #timers = new Map<string, () => void>();
  #notified = true;
  #wake = (): void => {};

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  notify(): void {
    this.#notified = true;
    this.#wake();
  }

  /**
   * Settles when notified. If that has happened since the last wait, settles only after everything else in the process
   * has had its turn, so that a loop that keeps notifying itself does not block what it waits for.
   */
  async wait(): Promise<void> {
    await new Promise<void>((resolve) => {
      if (this.#notified) setImmediate(resolve);
      else this.#wake = resolve;
    });
    this.#notified = false;
  }

  /** Runs the action after `ms` and notifies; replaces an earlier schedule of the same name. */
  schedule(name: string, ms: number, action: () => void = () => {}): void {
    this.cancel(name);
    const cancel = this.#clock.after(ms, () => {
      this.#timers.delete(name);
      action();
      this.notify();
    });
    this.#timers.set(name, cancel);
  }

  cancel(name: string): void {
    this.#timers.get(name)?.();
    this.#timers.delete(name);
  }

  isSet(name: string): boolean {
    return this.#timers.has(name);
  }

  /** Cancels everything scheduled. */
  clear(): void {
    for (const cancel of this.#timers.values()) cancel();
    this.#timers.clear();
  }
}
