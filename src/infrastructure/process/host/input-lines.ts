/*
 * Lines of an input file, `NUMBER:ID:TEXT~`, as defined in docs/wrapper-protocol.md. TEXT is ASCII in the syntax of
 * `printf %b`, a builtin of common POSIX shells, and never contains the `~` that marks a complete line.
 */

const lineEnd = 10;
const wholeMark = 126;
/** Bytes kept from the beginning of a line: enough for number and id, without the text. */
const headBytes = 256;

const written: readonly string[] = Array.from({ length: 256 }, (_, byte) => {
  if (byte === lineEnd) return '\\n';
  if (byte === 0x5c) return '\\\\';
  const isPlain = byte >= 0x20 && byte < wholeMark;
  return isPlain ? String.fromCharCode(byte) : `\\0${byte.toString(8).padStart(3, '0')}`;
});

/** @param id empty for the end of the input */
export function inputLine(number: number, id: string, bytes: Uint8Array): Buffer {
  let text = '';
  for (const byte of bytes) text += written[byte];
  return Buffer.from(`${number}:${id}:${text}~\n`, 'latin1');
}

/**
 * The entries of a file as the wrapper's feeder sees them: incomplete lines and lines with the wrong number are
 * ignored.
 */
export class InputLines {
  readonly #ids = new Set<string>();
  #next = 0;
  #isClosed = false;
  #head = '';
  #last = lineEnd;

  /** The number of the next entry. */
  get next(): number {
    return this.#next;
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** The last line has no line end: its writer died while writing it, or the disk is full. */
  get isTorn(): boolean {
    return this.#last !== lineEnd;
  }

  has(id: string): boolean {
    return this.#ids.has(id);
  }

  /** Takes the next piece of the file. */
  push(piece: Uint8Array): void {
    for (let from = 0; from < piece.length; ) {
      const at = piece.indexOf(lineEnd, from);
      this.#take(piece.subarray(from, at < 0 ? piece.length : at));
      if (at < 0) return;
      this.#endLine();
      from = at + 1;
    }
  }

  #take(part: Uint8Array): void {
    if (part.length === 0) return;
    const missing = headBytes - this.#head.length;
    if (missing > 0) this.#head += Buffer.from(part.subarray(0, missing)).toString('latin1');
    this.#last = part.at(-1) ?? this.#last;
  }

  #endLine(): void {
    const [, number, id = ''] = /^(\d+):([^:]*):/.exec(this.#head) ?? [];
    if (this.#last === wholeMark && number === String(this.#next) && !this.#isClosed) {
      this.#next++;
      if (id === '') this.#isClosed = true;
      else this.#ids.add(id);
    }
    this.#head = '';
    this.#last = lineEnd;
  }
}
