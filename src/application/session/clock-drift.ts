import type { Clock } from '../ports/clock.ts';

/** Smaller differences are not recorded. */
const noticedMs = 1_000;

/**
 * How far the machine's clock has moved apart from the elapsed time, because the machine slept or the clock was set.
 * The session provides what has been recorded, so that nothing is lost if the store refuses a record.
 */
export class ClockDrift {
  readonly #clock: Clock;
  readonly #aheadAtStart: number;
  readonly #recordedAtStart: number;

  /**
   * @param recordedMs the inactive time that the session has recorded so far
   * @param lastAt time of its newest event, which is in the future if the clock was set back while the session had no
   *   owner
   */
  constructor(clock: Clock, recordedMs: number, lastAt: string | null = null) {
    this.#clock = clock;
    const backMs = lastAt === null ? 0 : Math.max(0, Date.parse(lastAt) - Date.parse(clock.now()));
    this.#aheadAtStart = aheadOf(clock) + backMs;
    this.#recordedAtStart = recordedMs;
  }

  /** Milliseconds that are not recorded yet; 0 while they are too few. Negative if the clock was set back. */
  unrecordedMs(recordedMs: number): number {
    const drift = Math.round(aheadOf(this.#clock) - this.#aheadAtStart);
    const unrecorded = drift - (recordedMs - this.#recordedAtStart);
    return Math.abs(unrecorded) < noticedMs ? 0 : unrecorded;
  }
}

function aheadOf(clock: Clock): number {
  return Date.parse(clock.now()) - clock.elapsedMs();
}
