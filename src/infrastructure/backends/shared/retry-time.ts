/** Later times have no ISO form of the usual length. */
const year10000 = 253_402_300_800_000;

/**
 * When a provider can be asked again.
 * @param told its `Retry-After` header: seconds, or a date
 * @param from time of the response, in Unix milliseconds
 * @returns ISO 8601 in UTC; null if unknown
 */
export function retryTime(told: unknown, from: number): string | null {
  if (typeof told !== 'string' || told.length > 64) return null;
  const at = /^\d+(\.\d+)?$/.test(told) ? from + Number(told) * 1_000 : Date.parse(told);
  return at > 0 && at < year10000 ? new Date(at).toISOString() : null;
}
