import type { Clock } from '../ports/clock.ts';

/** Smaller differences are not recorded. */
const noticedMs = 1_000;

/**
 * Tells by how much the machine's clock has moved beside the time that passed, because the machine slept or the clock
 * was set. What was recorded of it is told by the session, so that nothing is lost where the store refuses a record.
 */
export class ClockDrift {
  readonly #clock: Clock;
  readonly #aheadAtStart: number;
  readonly #recordedAtStart: number;

  /**
   * @param recordedMs what has been recorded for the session so far
   * @param lastAt when its newest event was recorded: that lies ahead where the clock was set back before there was an
   *   owner again
   */
  constructor(clock: Clock, recordedMs: number, lastAt: string | null = null) {
    this.#clock = clock;
    const backMs = lastAt === null ? 0 : Math.max(0, Date.parse(lastAt) - Date.parse(clock.now()));
    this.#aheadAtStart = aheadOf(clock) + backMs;
    this.#recordedAtStart = recordedMs;
  }

  /** Milliseconds that are not recorded yet; 0 while they are too few. Negative where the clock was set back. */
  unrecordedMs(recordedMs: number): number {
    const drift = Math.round(aheadOf(this.#clock) - this.#aheadAtStart);
    const unrecorded = drift - (recordedMs - this.#recordedAtStart);
    return Math.abs(unrecorded) < noticedMs ? 0 : unrecorded;
  }
}

function aheadOf(clock: Clock): number {
  return Date.parse(clock.now()) - clock.elapsedMs();
}
