import { setImmediate as turn } from 'node:timers/promises';
import type { Clock } from '../../src/application/ports/clock.ts';

/** Advances, sleeps and is set only when the test says so. */
export class TestClock implements Clock {
  #wallMs = Date.parse('2026-01-01T00:00:10.000Z');
  #elapsedMs = 1_000;
  #timers: { readonly due: number; readonly callback: () => void }[] = [];

  now(): string {
    return new Date(this.#wallMs).toISOString();
  }

  elapsedMs(): number {
    return this.#elapsedMs;
  }

  after(ms: number, callback: () => void): () => void {
    const timer = { due: this.#elapsedMs + ms, callback };
    this.#timers.push(timer);
    return () => {
      this.#timers = this.#timers.filter((other) => other !== timer);
    };
  }

  /** Timers fire in order, and their effects run before the next one. */
  async pass(ms: number): Promise<void> {
    const end = this.#elapsedMs + ms;
    for (;;) {
      const next = this.#timers.toSorted((a, b) => a.due - b.due)[0];
      const until = Math.max(this.#elapsedMs, Math.min(end, next?.due ?? end));
      this.#wallMs += until - this.#elapsedMs;
      this.#elapsedMs = until;
      if (next === undefined || next.due > end) break;
      this.#timers = this.#timers.filter((timer) => timer !== next);
      next.callback();
      await turn();
    }
    await turn();
  }

  /** No timer fires for this long, although every clock advances. */
  freeze(ms: number): void {
    this.#wallMs += ms;
    this.#elapsedMs += ms;
  }

  /** The machine sleeps, or its clock is set; negative: set back. */
  jump(ms: number): void {
    this.#wallMs += ms;
  }
}
