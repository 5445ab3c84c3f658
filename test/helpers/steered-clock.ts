import { setImmediate as turn } from 'node:timers/promises';
import type { Clock } from '../../src/application/ports/clock.ts';
import { systemClock } from '../../src/infrastructure/clock.ts';
import { until } from './waiting.ts';

interface Timer {
  readonly due: number;
  readonly fire: () => void;
  cancel: () => void;
}

/** Follows the machine's clock, and advances or jumps when the test says so. */
export class SteeredClock implements Clock {
  readonly #timers = new Set<Timer>();
  #aheadMs = 0;
  /** How far the wall clock was set. Timers are not affected. */
  offsetMs = 0;

  now(): string {
    return new Date(Date.now() + this.#aheadMs + this.offsetMs).toISOString();
  }

  elapsedMs(): number {
    return systemClock.elapsedMs() + this.#aheadMs;
  }

  after(ms: number, callback: () => void): () => void {
    const timer: Timer = {
      due: this.elapsedMs() + ms,
      fire: () => {
        timer.cancel();
        this.#timers.delete(timer);
        callback();
      },
      cancel: () => {},
    };
    this.#timers.add(timer);
    this.#arm(timer);
    return () => {
      timer.cancel();
      this.#timers.delete(timer);
    };
  }

  /** Advances the time at once. Timers fire in order, and their effects run before the next one. */
  async pass(ms: number): Promise<void> {
    const end = this.elapsedMs() + ms;
    for (;;) {
      const next = [...this.#timers].toSorted((a, b) => a.due - b.due)[0];
      if (next === undefined || next.due > end) break;
      this.#aheadMs += Math.max(0, next.due - this.elapsedMs());
      next.fire();
      await turn();
    }
    this.#aheadMs += Math.max(0, end - this.elapsedMs());
    for (const timer of this.#timers) this.#arm(timer);
  }

  /** Advances the time second by second until the condition holds. */
  async passUntil(condition: () => unknown, stepMs = 1_000): Promise<void> {
    await until(async () => {
      if (condition()) return true;
      await this.pass(stepMs);
      return false;
    }, `${condition}`);
  }

  /** Advances the time in steps, for events that must not happen, and lets started work run after each step. */
  async passSteps(steps: number, stepMs: number): Promise<void> {
    let left = steps;
    await this.passUntil(() => left-- === 0, stepMs);
  }

  #arm(timer: Timer): void {
    timer.cancel();
    timer.cancel = systemClock.after(Math.max(0, timer.due - this.elapsedMs()), timer.fire);
  }
}
