/**
 * Sends one item at a time. While a slow client reads, only the newest waiting item is kept, so that items do not pile
 * up.
 * @param send its errors are ignored: they mean that the connection has ended
 */
export function latestWins<T>(send: (item: T) => Promise<void>): (item: T) => void {
  let sending = false;
  let waiting: { readonly item: T } | null = null;
  const pump = async (first: T): Promise<void> => {
    sending = true;
    try {
      for (let next: { readonly item: T } | null = { item: first }; next !== null; ) {
        waiting = null;
        await send(next.item);
        next = waiting;
      }
    } catch {
      // Ignored, see above.
    } finally {
      sending = false;
    }
  };
  return (item) => {
    if (sending) waiting = { item };
    else void pump(item);
  };
}
