/** When a session or an agent's present attempt ran, and what of that time it did not. */
export interface Timed {
  readonly startedAt: string | null;
  readonly endedAt: string | null;
  /**
   * Milliseconds between its times that it did not run: the machine slept or its clock was set forwards, or, of an agent
   * that has ended, its processes were suspended. Negative where the clock was set back.
   */
  readonly inactiveMs: number;
}

/**
 * Milliseconds from its start to its end or until now, without those it did not run; 0 before its start. Never negative:
 * what its owner has not recorded yet, and what an earlier version never did, is known from the machine's clock alone.
 * @param now milliseconds since the epoch
 */
export function activeMs({ startedAt, endedAt, inactiveMs }: Timed, now: number): number {
  if (startedAt === null) return 0;
  const end = endedAt === null ? now : Date.parse(endedAt);
  return Math.max(0, end - Date.parse(startedAt) - inactiveMs);
}

/** Adds time in which a running session or attempt did not run. */
export function inactiveFor<T extends Timed>(timed: T, ms: number): T {
  return { ...timed, inactiveMs: timed.inactiveMs + ms };
}

/** For a session or attempt that has ended: makes its active time the measured one. */
export function withMeasured<T extends Timed>(timed: T, measuredMs: number): T {
  const { startedAt, endedAt } = timed;
  if (startedAt === null || endedAt === null) return timed;
  const inactiveMs = Date.parse(endedAt) - Date.parse(startedAt) - Math.round(measuredMs);
  return { ...timed, inactiveMs };
}
