import { isLast } from './run-source.ts';
import type { AcpEvent } from './schemas.ts';

const heartbeatMs = 15_000;

/**
 * The events up to the one after which nothing comes, as server-sent events. They are made as fast as they are read:
 * a client that stops reading holds one of them in memory. When it goes away, the run goes on.
 */
export function streamEvents(events: AsyncIterable<AcpEvent>, stop: AbortController): ReadableStream {
  const encoder = new TextEncoder();
  const source = events[Symbol.asyncIterator]();
  let pending: Promise<IteratorResult<AcpEvent>> | null = null;
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        pending ??= source.next();
        const next = await orHeartbeat(pending);
        if (next === null) return controller.enqueue(encoder.encode(': still running\n\n'));
        pending = null;
        if (next.done !== true) controller.enqueue(encoder.encode(`data: ${JSON.stringify(next.value)}\n\n`));
        if (next.done === true || isLast(next.value)) {
          stop.abort();
          controller.close();
        }
      },
      cancel() {
        stop.abort();
      },
    },
    { highWaterMark: 0 },
  );
}

/** Null when nothing has come for so long that a proxy in between may take the connection for dead. */
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
