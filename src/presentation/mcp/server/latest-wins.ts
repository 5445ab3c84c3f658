/**
 * Sends one thing after the other. A client that reads slowly is sent the newest when it can take one again, so that
 * they do not pile up here.
 * @param send when it fails, the error is ignored: the connection has ended, so no client waits for the message
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
      // As said above.
    } finally {
      sending = false;
    }
  };
  return (item) => {
    if (sending) waiting = { item };
    else void pump(item);
  };
}
