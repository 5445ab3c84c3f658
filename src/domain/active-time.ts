/** When a session or an agent's current attempt ran, and how much of that time does not count. */
export interface Timed {
  readonly startedAt: string | null;
  readonly endedAt: string | null;
  /**
   * Milliseconds between the two times in which it did not run: the machine slept or its clock was set forward, or the
   * processes of an ended agent had been suspended. Negative if the clock was set back.
   */
  readonly inactiveMs: number;
}

/**
 * Milliseconds from its start to its end or until now, without inactive time; 0 before its start. Never negative: if
 * its owner has not recorded a clock change yet (earlier versions never did), only the machine's clock is known.
 * @param now in Unix milliseconds
 */
export function activeMs({ startedAt, endedAt, inactiveMs }: Timed, now: number): number {
  if (startedAt === null) return 0;
  const end = endedAt === null ? now : Date.parse(endedAt);
  return Math.max(0, end - Date.parse(startedAt) - inactiveMs);
}

/** Adds inactive time to a running session or attempt. */
export function inactiveFor<T extends Timed>(timed: T, ms: number): T {
  return { ...timed, inactiveMs: timed.inactiveMs + ms };
}

/** Sets the inactive time of an ended session or attempt so that its active time is the measured one. */
export function withMeasured<T extends Timed>(timed: T, measuredMs: number): T {
  const { startedAt, endedAt } = timed;
  if (startedAt === null || endedAt === null) return timed;
  const inactiveMs = Date.parse(endedAt) - Date.parse(startedAt) - Math.round(measuredMs);
  return { ...timed, inactiveMs };
}

/** The time in which an agent of a pool waited for a host does not count. @param at when its program was started */
export function withoutWait<T extends Timed & { readonly pool: string | null }>(agent: T, at: string): T {
  if (agent.pool === null || agent.startedAt === null) return agent;
  return { ...agent, inactiveMs: Date.parse(at) - Date.parse(agent.startedAt) };
}
