import type { Lingering } from '../../domain/agent.ts';
import type { Answer } from '../ports/backend.ts';
import type { Clock } from '../ports/clock.ts';

/** An agent that ends within so long after its result does not count as lingering. */
const endsSoonMs = 2_000;

/**
 * Watches an agent that has given a result and does not end: its CLI waits for work in the background, or a process of its
 * own was left running. Both may last forever, and dependents wait.
 */
export class AnswerWatch {
  readonly #clock: Clock;
  readonly #limitMs: number | null;
  readonly #onOver: (answer: Answer) => void;
  #answer: Answer | null = null;
  #until: string | null = null;
  /** What is to be told; undefined when nothing is new. */
  #untold: Lingering | null | undefined;
  #timers: (() => void)[] = [];

  /**
   * @param limitMs how long it may go on after a result; null: without a limit
   * @param onOver called then, with the result
   */
  constructor(clock: Clock, limitMs: number | null, onOver: (answer: Answer) => void) {
    this.#clock = clock;
    this.#limitMs = limitMs;
    this.#onOver = onOver;
  }

  /** True while there is an answer: only then can it be taken back. */
  get isWatching(): boolean {
    return this.#answer !== null;
  }

  /** What the run's output has come to. */
  update(answer: Answer | null): void {
    const before = this.#answer;
    this.#answer = answer;
    if (answer?.text === before?.text) return;
    this.stop();
    if (before !== null) this.#untold = null;
    if (answer !== null) this.#begin(this.#limitMs);
  }

  /** Whether it lingers, if that has changed since the last call. */
  take(): Lingering | null | undefined {
    const untold = this.#untold;
    this.#untold = undefined;
    return untold;
  }

  stop(): void {
    for (const cancel of this.#timers.splice(0)) cancel();
  }

  #begin(limitMs: number | null): void {
    const from = Date.parse(this.#clock.now());
    this.#until = limitMs === null ? null : new Date(from + limitMs).toISOString();
    this.#timers.push(this.#clock.after(endsSoonMs, () => this.#linger()));
    if (limitMs === null) return;
    this.#timers.push(
      this.#clock.after(limitMs, () => {
        if (this.#answer !== null) this.#onOver(this.#answer);
      }),
    );
  }

  #linger(): void {
    this.#untold = { background: this.#answer?.background ?? [], until: this.#until };
  }
}
