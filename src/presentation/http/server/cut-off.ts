/**
 * Whether a request failed because its client went away, or took too long, in the middle of it: that is no defect, and
 * nobody reads the answer. Node reports it to the code that reads the body.
 */
export function isCutOff(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ECONNRESET';
}
