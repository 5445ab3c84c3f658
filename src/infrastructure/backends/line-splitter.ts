/** A line longer than the limit is handed over in pieces or dropped, so that memory stays bounded. */
export type LongLines = 'split' | 'drop';

/**
 * Cuts a byte stream into lines. UTF-8 is safe: a line feed is never part of another character.
 * Lines are handed over without their line feed.
 */
export class LineSplitter {
  readonly #maxBytes: number;
  readonly #longLines: LongLines;
  #held: Uint8Array[] = [];
  #heldBytes = 0;
  #dropping = false;
  /** How many lines were dropped for their length. */
  dropped = 0;

  constructor(maxBytes: number, longLines: LongLines) {
    this.#maxBytes = maxBytes;
    this.#longLines = longLines;
  }

  push(chunk: Uint8Array): readonly Uint8Array[] {
    const lines: Uint8Array[] = [];
    let from = 0;
    for (let at = chunk.indexOf(10); at >= 0; at = chunk.indexOf(10, from)) {
      this.#hold(chunk.subarray(from, at), lines);
      this.#flush(lines);
      from = at + 1;
    }
    if (from < chunk.length) this.#hold(chunk.subarray(from), lines);
    return lines;
  }

  /** The stream has ended: its last line, if it was not ended by a line feed. */
  end(): readonly Uint8Array[] {
    const lines: Uint8Array[] = [];
    if (this.#heldBytes > 0 || this.#dropping) this.#flush(lines);
    return lines;
  }

  #hold(part: Uint8Array, lines: Uint8Array[]): void {
    if (this.#dropping) return;
    if (this.#heldBytes + part.length > this.#maxBytes) {
      if (this.#longLines === 'split') {
        if (this.#heldBytes > 0) lines.push(this.#take());
        for (let at = 0; at + this.#maxBytes < part.length; at += this.#maxBytes) {
          lines.push(part.slice(at, at + this.#maxBytes));
        }
        const rest = part.slice(part.length - (part.length % this.#maxBytes || this.#maxBytes));
        this.#held = [rest];
        this.#heldBytes = rest.length;
        return;
      }
      this.#held = [];
      this.#heldBytes = 0;
      this.#dropping = true;
      this.dropped += 1;
      return;
    }
    // A copy: the caller may use its buffer again.
    this.#held.push(part.slice());
    this.#heldBytes += part.length;
  }

  #flush(lines: Uint8Array[]): void {
    if (this.#dropping) this.#dropping = false;
    else lines.push(this.#take());
  }

  #take(): Uint8Array {
    const [first] = this.#held;
    const line = this.#held.length === 1 && first !== undefined ? first : Buffer.concat(this.#held, this.#heldBytes);
    this.#held = [];
    this.#heldBytes = 0;
    return line;
  }
}
