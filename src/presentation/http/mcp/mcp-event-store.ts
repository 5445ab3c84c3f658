import type { EventStore } from '@modelcontextprotocol/sdk/server/webStandardStreamableHttp.js';
import type { JSONRPCMessage } from '@modelcontextprotocol/sdk/types.js';

/** Limits for the stored events of one MCP session. The newest event is always kept, however large. */
export interface StoreLimits {
  readonly events: number;
  /** Size of the messages as JSON. */
  readonly bytes: number;
}

export interface StoredEvent {
  readonly id: string;
  readonly message: JSONRPCMessage;
}

/** The position from which a returning client continues. */
export interface Place {
  /** Whether the stream is complete. */
  readonly hasEnded: boolean;
}

interface Stream {
  /** Number of the newest event. */
  newest: number;
  /** Number of the newest evicted event. */
  gone: number;
  kept: number;
  hasEnded: boolean;
}

interface Kept {
  readonly streamId: string;
  readonly number: number;
  readonly bytes: number;
  /** Null for an event that has a number but must not be sent. */
  readonly message: JSONRPCMessage | null;
}

/**
 * The events of one MCP session in memory, for clients that lost a stream. Evicts the oldest first, across all streams.
 * Positions before an evicted event become invalid, because a replay from there would be incomplete.
 *
 * An event id consists of the stream and a number in it. A stream ends with the response to its request.
 */
export class McpEventStore implements EventStore {
  readonly #limits: StoreLimits;
  readonly #streams = new Map<string, Stream>();
  /** By id, oldest first. */
  readonly #events = new Map<string, Kept>();
  readonly #unsaid = new WeakSet<object>();
  #bytes = 0;

  constructor(limits: StoreLimits) {
    this.#limits = limits;
  }

  /** A message without content, which the SDK stores at the beginning of a stream, only creates a position. */
  async storeEvent(streamId: string, message: JSONRPCMessage): Promise<string> {
    const stream = this.#stream(streamId);
    stream.newest += 1;
    const id = `${streamId}:${stream.newest}`;
    if (!('jsonrpc' in message)) return id;
    stream.hasEnded ||= !('method' in message);
    const isSaid = !this.#unsaid.has(message);
    const bytes = isSaid ? Buffer.byteLength(JSON.stringify(message)) : 0;
    this.#events.set(id, { streamId, number: stream.newest, bytes, message: isSaid ? message : null });
    stream.kept += 1;
    this.#bytes += bytes;
    this.#bound();
    return id;
  }

  async replayEventsAfter(
    lastEventId: string,
    { send }: { send: (eventId: string, message: JSONRPCMessage) => Promise<void> },
  ): Promise<string> {
    // Includes events that are stored meanwhile.
    for (const { id, message } of this.after(lastEventId)) await send(id, message);
    return placeOf(lastEventId).streamId;
  }

  /** The later events of the same stream. */
  *after(eventId: string): Generator<StoredEvent> {
    const { streamId, number } = placeOf(eventId);
    for (const [id, event] of this.#events) {
      if (event.streamId === streamId && event.number > number && event.message !== null)
        yield { id, message: event.message };
    }
  }

  /** Null when no event had this id, or when a later event was evicted. */
  find(eventId: string): Place | null {
    const { streamId, number } = placeOf(eventId);
    const stream = this.#streams.get(streamId);
    const isKnown = stream !== undefined && number >= stream.gone && number <= stream.newest;
    return isKnown ? { hasEnded: stream.hasEnded } : null;
  }

  /** The positions before and after everything stored of a stream. */
  ends(streamId: string): { readonly oldest: string; readonly newest: string } {
    const { gone, newest } = this.#stream(streamId);
    return { oldest: `${streamId}:${gone}`, newest: `${streamId}:${newest}` };
  }

  /** Marks a message that will be stored like any other, but never replayed. */
  keepUnsaid(message: JSONRPCMessage): void {
    this.#unsaid.add(message);
  }

  #stream(streamId: string): Stream {
    const known = this.#streams.get(streamId);
    if (known !== undefined) return known;
    const stream = { newest: 0, gone: 0, kept: 0, hasEnded: false };
    this.#streams.set(streamId, stream);
    return stream;
  }

  #bound(): void {
    for (const [id, { streamId, number, bytes }] of this.#events) {
      const isFull = this.#events.size > this.#limits.events || this.#bytes > this.#limits.bytes;
      if (!isFull || this.#events.size === 1) return;
      this.#events.delete(id);
      this.#bytes -= bytes;
      const stream = this.#stream(streamId);
      stream.gone = number;
      stream.kept -= 1;
      if (stream.hasEnded && stream.kept === 0) this.#streams.delete(streamId);
    }
  }
}

function placeOf(eventId: string): { readonly streamId: string; readonly number: number } {
  const [, streamId = '', digits = ''] = /^(.+):([0-9]{1,15})$/.exec(eventId) ?? [];
  return { streamId, number: digits === '' ? -1 : Number(digits) };
}
