/** Beyond it a time has no ISO form of the usual length. */
const year10000 = 253_402_300_800_000;

/**
 * When a provider answers again.
 * @param told its header `Retry-After`: seconds, or a date
 * @param from when it said so, in milliseconds since 1970
 * @returns ISO 8601 UTC; null: it does not say
 */
export function retryTime(told: unknown, from: number): string | null {
  if (typeof told !== 'string' || told.length > 64) return null;
  const at = /^\d+(\.\d+)?$/.test(told) ? from + Number(told) * 1_000 : Date.parse(told);
  return at > 0 && at < year10000 ? new Date(at).toISOString() : null;
}
