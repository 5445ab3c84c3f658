/** The part of a writable stream that is needed. `done` is called when the system has taken or refused the piece. */
export interface OutputStream {
  readonly isTTY?: boolean;
  readonly columns?: number;
  readonly rows?: number;
  /** Of Node's terminals: asks the system for the size. */
  _refreshSize?(): void;
  write(piece: string | Uint8Array, done?: () => void): boolean;
}

/**
 * Writes to a stream that may be slower than the program: one write at a time; text written meanwhile is sent together.
 * A caller with much output awaits {@link drained} after each page, so that at most a page is buffered.
 */
export class OutputWriter {
  readonly #stream: OutputStream;
  readonly #lost = new AbortController();
  #pending: string[] = [];
  /** Pieces that the stream has, and the system does not yet have. */
  #writes = 0;
  #waiting: (() => void)[] = [];

  constructor(stream: OutputStream) {
    this.#stream = stream;
  }

  /** Aborts when the stream can no longer be written, with the system's error as reason. */
  get lost(): AbortSignal {
    return this.#lost.signal;
  }

  /** Whether the system has not yet taken everything. */
  get isWriting(): boolean {
    return this.#writes > 0;
  }

  write(text: string): void {
    if (text === '' || this.lost.aborted) return;
    this.#pending.push(text);
    if (!this.isWriting) this.#pass();
  }

  /** Gives the stream all text at once, so that what is written to another stream next comes after it. */
  flush(): void {
    if (!this.lost.aborted) this.#pass();
  }

  /**
   * Writes bytes; settles when the system has taken them.
   * @throws the system's error when the stream is lost
   */
  async send(bytes: Uint8Array): Promise<void> {
    await this.drained();
    this.lost.throwIfAborted();
    this.#give(bytes);
    await this.drained();
    this.lost.throwIfAborted();
  }

  /** Settles when the system has taken everything, or the stream is lost. */
  async drained(): Promise<void> {
    if (!this.isWriting || this.lost.aborted) return;
    await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }

  /** Call when the stream has failed: further output is discarded. */
  lose(error: Error): void {
    this.#pending = [];
    this.#release();
    this.#lost.abort(error);
  }

  #pass(): void {
    const text = this.#pending.join('');
    this.#pending = [];
    if (text !== '') this.#give(text);
  }

  #give(piece: string | Uint8Array): void {
    this.#writes += 1;
    this.#stream.write(piece, () => {
      this.#writes -= 1;
      if (this.isWriting) return;
      this.#pass();
      if (!this.isWriting) this.#release();
    });
  }

  #release(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resolve of waiting) resolve();
  }
}
