/** Whether a line above the limit is passed on in pieces or dropped, to bound memory. */
export type LongLines = 'split' | 'drop';

const firstBufferBytes = 4_096;

/**
 * Splits a byte stream into lines, independent of its chunks. Safe for UTF-8: a line feed is never part of another
 * character, and a long line is not cut within one. Lines have no line feed. Holds at most twice `maxBytes`.
 */
export class LineSplitter {
  readonly #maxBytes: number;
  readonly #longLines: LongLines;
  /** The unfinished line, in one buffer that doubles: a list of small parts would cost far more. */
  #held = new Uint8Array();
  #heldBytes = 0;
  #dropping = false;
  /** Number of lines dropped for their length. */
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
      if (!this.#dropping) lines.push(this.#take(this.#heldBytes));
      this.#dropping = false;
      from = at + 1;
    }
    this.#hold(chunk.subarray(from), lines);
    return lines;
  }

  /** Call at the end of the stream. @returns the last line if it has no line feed */
  end(): readonly Uint8Array[] {
    this.#dropping = false;
    return this.#heldBytes > 0 ? [this.#take(this.#heldBytes)] : [];
  }

  #hold(part: Uint8Array, lines: Uint8Array[]): void {
    if (this.#dropping) return;
    let rest = part;
    while (this.#heldBytes + rest.length > this.#maxBytes) {
      if (this.#longLines === 'drop') {
        this.#held = new Uint8Array();
        this.#heldBytes = 0;
        this.#dropping = true;
        this.dropped += 1;
        return;
      }
      const room = this.#maxBytes - this.#heldBytes;
      this.#append(rest.subarray(0, room));
      rest = rest.subarray(room);
      lines.push(this.#take(this.#cutBefore(rest[0] as number)));
    }
    this.#append(rest);
  }

  /** Where to cut a full buffer so that the character that continues with byte `next` stays whole. */
  #cutBefore(next: number): number {
    let following = next;
    for (let cut = this.#heldBytes; cut > Math.max(0, this.#heldBytes - 4); cut -= 1) {
      if (!isContinuation(following)) return cut;
      following = this.#held[cut - 1] as number;
    }
    // Not UTF-8: any position will do.
    return this.#heldBytes;
  }

  #append(part: Uint8Array): void {
    const needed = this.#heldBytes + part.length;
    if (needed > this.#held.length) {
      const size = Math.min(this.#maxBytes, Math.max(needed, this.#held.length * 2, firstBufferBytes));
      const grown = new Uint8Array(size);
      grown.set(this.#held.subarray(0, this.#heldBytes));
      this.#held = grown;
    }
    this.#held.set(part, this.#heldBytes);
    this.#heldBytes = needed;
  }

  /** Removes and returns the first bytes. */
  #take(bytes: number): Uint8Array {
    const line = this.#held.slice(0, bytes);
    this.#held.copyWithin(0, bytes, this.#heldBytes);
    this.#heldBytes -= bytes;
    // Frees the memory of a long line instead of keeping it for the rest of the run.
    if (this.#heldBytes === 0 && this.#held.length > firstBufferBytes) this.#held = new Uint8Array();
    return line;
  }
}

function isContinuation(byte: number): boolean {
  return (byte & 0b1100_0000) === 0b1000_0000;
}
