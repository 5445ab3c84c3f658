/** The part of a writable stream that is needed. `done` is called when the system has taken or refused the piece. */
export interface OutputStream {
  readonly isTTY?: boolean;
  readonly columns?: number;
  readonly rows?: number;
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
  #writing = false;
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
    return this.#writing;
  }

  write(text: string): void {
    if (text === '' || this.lost.aborted) return;
    this.#pending.push(text);
    if (!this.#writing) this.#writeOn();
  }

  /**
   * Writes bytes; settles when the system has taken them.
   * @throws the system's error when the stream is lost
   */
  async send(bytes: Uint8Array): Promise<void> {
    await this.drained();
    this.lost.throwIfAborted();
    this.#writing = true;
    this.#stream.write(bytes, () => this.#writeOn());
    await this.drained();
    this.lost.throwIfAborted();
  }

  /** Settles when the system has taken everything, or the stream is lost. */
  async drained(): Promise<void> {
    if (!this.#writing || this.lost.aborted) return;
    await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }

  /** Call when the stream has failed: further output is discarded. */
  lose(error: Error): void {
    this.#pending = [];
    this.#release();
    this.#lost.abort(error);
  }

  #writeOn(): void {
    const text = this.#pending.join('');
    this.#pending = [];
    this.#writing = text !== '';
    if (this.#writing) this.#stream.write(text, () => this.#writeOn());
    else this.#release();
  }

  #release(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resolve of waiting) resolve();
  }
}
