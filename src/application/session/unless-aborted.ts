/**
 * Settles like the work, or with `instead` as soon as the signal aborts, because not all reading of files can be
 * interrupted. Work that continues after the abort is ignored.
 */
export async function unlessAborted<T>(
  work: Promise<T>,
  signal: AbortSignal | undefined,
  instead: T,
): Promise<T> {
  if (signal === undefined) return work;
  const { promise, resolve } = Promise.withResolvers<T>();
  const onAbort = (): void => resolve(instead);
  if (signal.aborted) onAbort();
  signal.addEventListener('abort', onAbort);
  try {
    return await Promise.race([work, promise]);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}
