/**
 * Whether a request failed because its client disconnected or was too slow. That is not a bug, and no client reads the
 * response. Node reports it to the code that reads the body.
 */
export function isCutOff(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ECONNRESET';
}
