import type { Clock } from '../../../application/ports/clock.ts';
import type { EventSource } from './event-source.ts';

export interface EventLimits {
  readonly maxStreams: number;
  /** After this time without an event, the stream sends a comment. */
  readonly heartbeatMs: number;
  /** How long sent data may stay unread before the stream counts as stalled. */
  readonly stallMs: number;
  /** How often streams of all projects look for new ones. */
  readonly lookMs: number;
}

interface EventStreamOptions extends Pick<EventLimits, 'heartbeatMs' | 'stallMs'> {
  readonly source: EventSource;
  readonly clock: Clock;
  readonly onStalled: () => void;
  /** Called once, however the stream ended; with an error if the store threw one. */
  readonly onEnd: (error?: unknown) => void;
}

export interface EventStream {
  readonly body: ReadableStream<Uint8Array>;
  /** Ends the stream regularly. Safe to repeat. */
  end(): void;
}

/**
 * The stream of one subscriber. It provides the next page only when the socket has taken the previous one: a slow
 * reader falls behind in the store without using memory, and one that does not read at all is reported as stalled.
 */
export function makeEventStream(options: EventStreamOptions): EventStream {
  const { source, clock, heartbeatMs, stallMs } = options;
  const encoder = new TextEncoder();
  let opening: string | null = `retry: 1000\n\n${source.opening}`;
  let ended = false;
  let cancelled = false;
  let wake = (): void => {};
  let cancelStall = (): void => {};
  const leave = source.join(() => wake());

  const end = (error?: unknown): void => {
    if (ended) return;
    ended = true;
    cancelStall();
    leave();
    wake();
    options.onEnd(error);
  };

  const waited = async (): Promise<'news' | 'nothing'> => {
    let cancel = (): void => {};
    const outcome = await new Promise<'news' | 'nothing'>((resolve) => {
      wake = () => resolve('news');
      cancel = clock.after(heartbeatMs, () => resolve('nothing'));
    });
    cancel();
    return outcome;
  };

  /** @returns null when the stream has ended */
  const next = async (): Promise<string | null> => {
    if (opening !== null) {
      const text = opening;
      opening = null;
      return text;
    }
    while (!ended) {
      const text = source.next();
      if (text !== '') return text;
      if (!source.mayHaveMore && (await waited()) === 'nothing') return ': still here\n\n';
    }
    return null;
  };

  const body = new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        cancelStall();
        const text = await next().catch((error: unknown) => {
          end(error);
          return null;
        });
        if (ended || text === null) {
          // Closing a body that was cancelled meanwhile would throw.
          if (!cancelled) controller.close();
          return;
        }
        controller.enqueue(encoder.encode(text));
        cancelStall = clock.after(stallMs, options.onStalled);
      },
      cancel() {
        cancelled = true;
        end();
      },
    },
    // Produce nothing before it is requested.
    { highWaterMark: 0 },
  );
  return { body, end: () => end() };
}
