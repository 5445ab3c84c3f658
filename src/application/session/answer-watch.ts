import type { Lingering } from '../../domain/agent.ts';
import type { Answer } from '../ports/backend.ts';
import type { Clock } from '../ports/clock.ts';

/** An agent that ends within this time after its result does not count as lingering. */
const endsSoonMs = 2_000;

/**
 * Watches an agent that has returned a result but does not end: its CLI waits for background work, or a process of its
 * own was left running. Both can last for ever, and dependents wait.
 */
export class AnswerWatch {
  readonly #clock: Clock;
  readonly #limitMs: number | null;
  readonly #onOver: (answer: Answer) => void;
  #answer: Answer | null = null;
  #until: string | null = null;
  /** What to report; undefined if nothing is new. */
  #untold: Lingering | null | undefined;
  #timers: (() => void)[] = [];

  /**
   * @param limitMs how long it may continue after a result; null: without limit
   * @param onOver called with the result after that time
   */
  constructor(clock: Clock, limitMs: number | null, onOver: (answer: Answer) => void) {
    this.#clock = clock;
    this.#limitMs = limitMs;
    this.#onOver = onOver;
  }

  /** Whether there is an answer, which can be withdrawn. */
  get isWatching(): boolean {
    return this.#answer !== null;
  }

  /** Takes the current answer in the run's output. */
  update(answer: Answer | null): void {
    const before = this.#answer;
    this.#answer = answer;
    if (answer?.text === before?.text) return;
    this.stop();
    if (before !== null) this.#untold = null;
    if (answer !== null) this.#begin(this.#limitMs);
  }

  /** Whether the agent lingers, if that has changed since the last call. */
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
