/** Rate limit: at most `perSecond` takes per second on average, with bursts of the same size. */
export class TokenBucket {
  readonly #perSecond: number;
  readonly #nowMs: () => number;
  #left: number;
  #at: number;

  /** @param nowMs a monotonic clock, in milliseconds */
  constructor(perSecond: number, nowMs: () => number) {
    this.#perSecond = perSecond;
    this.#nowMs = nowMs;
    this.#left = perSecond;
    this.#at = nowMs();
  }

  /** @returns 0 if taken, otherwise how many milliseconds to wait */
  take(): number {
    const now = this.#nowMs();
    this.#left = Math.min(this.#perSecond, this.#left + ((now - this.#at) / 1_000) * this.#perSecond);
    this.#at = now;
    if (this.#left < 1) return Math.ceil(((1 - this.#left) / this.#perSecond) * 1_000);
    this.#left -= 1;
    return 0;
  }
}
