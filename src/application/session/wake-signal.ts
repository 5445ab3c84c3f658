import type { Clock } from '../ports/clock.ts';

/** What a loop sleeps by: rung while it works, it does not sleep at all; rung several times, it wakes once. */
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
   * Settles at the next ring; soon when it has rung since the last sleep: not before everything else in the process has
   * had its turn, so that a loop that keeps ringing for itself does not hold up what it waits for.
   */
  async wait(): Promise<void> {
    await new Promise<void>((resolve) => {
      if (this.#notified) setImmediate(resolve);
      else this.#wake = resolve;
    });
    this.#notified = false;
  }

  /** Does something after `ms` and rings; what was to happen under the same name is called off. */
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

  /** Calls everything off. */
  clear(): void {
    for (const cancel of this.#timers.values()) cancel();
    this.#timers.clear();
  }
}
