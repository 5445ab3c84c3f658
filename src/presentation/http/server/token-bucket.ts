/** Allows so many takes a second on average, and as many at once. */
export class TokenBucket {
  readonly #perSecond: number;
  readonly #nowMs: () => number;
  #left: number;
  #at: number;

  /** @param nowMs a clock that only goes forward, in milliseconds */
  constructor(perSecond: number, nowMs: () => number) {
    this.#perSecond = perSecond;
    this.#nowMs = nowMs;
    this.#left = perSecond;
    this.#at = nowMs();
  }

  /** @returns 0 when it is taken; else how many milliseconds to wait */
  take(): number {
    const now = this.#nowMs();
    this.#left = Math.min(this.#perSecond, this.#left + ((now - this.#at) / 1_000) * this.#perSecond);
    this.#at = now;
    if (this.#left < 1) return Math.ceil(((1 - this.#left) / this.#perSecond) * 1_000);
    this.#left -= 1;
    return 0;
  }
}
