import { setImmediate as turn } from 'node:timers/promises';
import type { Clock } from '../../src/application/ports/clock.ts';

/** Time passes, the machine sleeps and somebody sets its clock when the test says so. */
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

  /** Timers ring in turn, and what they begin goes on before the next. */
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

  /** Nobody is let run for so long, and every clock goes on. */
  freeze(ms: number): void {
    this.#wallMs += ms;
    this.#elapsedMs += ms;
  }

  /** The machine sleeps, or its clock is set: forwards, or backwards below 0. */
  jump(ms: number): void {
    this.#wallMs += ms;
  }
}
