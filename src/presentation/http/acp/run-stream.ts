import { isLast } from './run-source.ts';
import type { AcpEvent } from './schemas.ts';

const heartbeatMs = 15_000;
/** How long sent data may stay unread before MAOS disconnects the client. */
const stallMs = 60_000;

/**
 * Streams the run's events as server-sent events, up to the last one before the run waits or ends. Events are produced
 * at the client's reading speed: one that stops reading keeps a single event in memory, and is finally disconnected.
 * The run continues when the client disconnects.
 * @param cut closes the connection of a client that does not read
 */
export function streamEvents(
  events: AsyncIterable<AcpEvent>,
  stop: AbortController,
  cut: () => void,
): ReadableStream {
  const encoder = new TextEncoder();
  const source = events[Symbol.asyncIterator]();
  let pending: Promise<IteratorResult<AcpEvent>> | null = null;
  let stall: NodeJS.Timeout | undefined;
  const give = (controller: ReadableStreamDefaultController<Uint8Array>, text: string): void => {
    controller.enqueue(encoder.encode(text));
    stall = setTimeout(cut, stallMs).unref();
  };
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        clearTimeout(stall);
        pending ??= source.next();
        const next = await orHeartbeat(pending);
        if (next === null) return give(controller, ': still running\n\n');
        pending = null;
        if (next.done !== true) give(controller, `data: ${JSON.stringify(next.value)}\n\n`);
        if (next.done === true || isLast(next.value)) {
          clearTimeout(stall);
          stop.abort();
          controller.close();
        }
      },
      cancel() {
        clearTimeout(stall);
        stop.abort();
      },
    },
    { highWaterMark: 0 },
  );
}

/** Null after a pause long enough for a proxy to consider the connection dead. */
async function orHeartbeat<T>(next: Promise<T>): Promise<T | null> {
  let timer: NodeJS.Timeout | undefined;
  const beat = new Promise<null>((resolve) => {
    timer = setTimeout(resolve, heartbeatMs, null);
  });
  try {
    return await Promise.race([next, beat]);
  } finally {
    clearTimeout(timer);
  }
}
