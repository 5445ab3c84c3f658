/** The part of a writable stream that is used: a piece, and what is called when the system has it or refused it. */
export interface OutputStream {
  readonly isTTY?: boolean;
  readonly columns?: number;
  readonly rows?: number;
  write(piece: string | Uint8Array, done?: () => void): boolean;
}

/**
 * Writes to a stream that may be slower than the program: one write is under way at a time, what is written meanwhile
 * leaves together. A caller with much output awaits {@link drained} between two pages, and holds no more than a page.
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

  /** Aborts when the stream cannot be written any more, with the system's error as its reason. */
  get lost(): AbortSignal {
    return this.#lost.signal;
  }

  /** The system has not yet taken all that was written. */
  get isWriting(): boolean {
    return this.#writing;
  }

  write(text: string): void {
    if (text === '' || this.lost.aborted) return;
    this.#pending.push(text);
    if (!this.#writing) this.#writeOn();
  }

  /**
   * Writes bytes; settles when the system has them.
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

  /** Settles when the system has all that was written, or will not take it any more. */
  async drained(): Promise<void> {
    if (!this.#writing || this.lost.aborted) return;
    await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }

  /** The stream failed: what is written from now on goes nowhere. */
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
