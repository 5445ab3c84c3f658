/** @param than ISO 8601 */
export function earlier(than: string, ms: number): string {
  return new Date(Date.parse(than) - ms).toISOString();
}
