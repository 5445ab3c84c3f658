import type { Clock } from '../../../application/ports/clock.ts';

export interface OutgoingLimits {
  /** Maximum bytes waiting for the client; a write beyond that closes the stream. */
  readonly mostUnreadBytes: number;
  /** How long a client may read nothing while data waits for it. */
  readonly stallMs: number;
}

interface OutgoingOptions extends OutgoingLimits {
  readonly after: Clock['after'];
  /** Must close the connection, because the client does not read. */
  readonly cut: () => void;
  /** Called once, however the stream ended. @param isComplete whether the client has taken all of it */
  readonly onEnd: (isComplete: boolean) => void;
}

/** A response body that is written over time. Disconnects a client that does not read it. */
export class OutgoingStream {
  readonly body: ReadableStream<Uint8Array>;
  readonly #options: OutgoingOptions;
  #chunks: Uint8Array[] = [];
  #bytes = 0;
  #state: 'open' | 'ending' | 'over' = 'open';
  #wake = (): void => {};
  #cancelStall = (): void => {};

  constructor(options: OutgoingOptions) {
    this.#options = options;
    this.body = new ReadableStream<Uint8Array>(
      { pull: (controller) => this.#give(controller), cancel: () => this.#end() },
      // Produce nothing before the socket has room.
      { highWaterMark: 0 },
    );
  }

  /** No effect after the end. */
  write(chunk: Uint8Array): void {
    if (this.#state !== 'open') return;
    if (this.#bytes >= this.#options.mostUnreadBytes) {
      this.#cut();
      return;
    }
    this.#chunks.push(chunk);
    this.#bytes += chunk.byteLength;
    this.#wake();
  }

  /** Ends the stream after sending everything written so far. Safe to repeat. */
  end(): void {
    if (this.#state === 'open') this.#state = 'ending';
    this.#wake();
  }

  async #give(controller: ReadableStreamDefaultController<Uint8Array>): Promise<void> {
    this.#cancelStall();
    while (this.#state === 'open' && this.#bytes === 0) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    if (this.#state === 'over') return;
    if (this.#bytes === 0) {
      this.#end(true);
      controller.close();
      return;
    }
    controller.enqueue(Buffer.concat(this.#chunks));
    this.#chunks = [];
    this.#bytes = 0;
    this.#cancelStall = this.#options.after(this.#options.stallMs, () => this.#cut());
  }

  #cut(): void {
    this.#end();
    this.#options.cut();
  }

  #end(isComplete = false): void {
    if (this.#state === 'over') return;
    this.#state = 'over';
    this.#chunks = [];
    this.#cancelStall();
    this.#wake();
    this.#options.onEnd(isComplete);
  }
}
