/** Deeper than any settings file; keeps the stack bounded. */
const deepest = 200;

const space = /[ \t\n\r]*/y;
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what JSON forbids in a string
const text = /"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"/y;
const scalar = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null/y;

export interface Position {
  /** From 1. */
  readonly line: number;
  /** From 1, in UTF-16 code units as editors count. */
  readonly column: number;
}

/**
 * Where a text stops being JSON; null when it is JSON. `JSON.parse` names the place in some of its messages only.
 */
export function findJsonError(source: string): Position | null {
  const offset = new JsonScanner(source).firstError();
  if (offset === null) return null;
  const before = source.slice(0, offset).split('\n');
  return { line: before.length, column: (before.at(-1) as string).length + 1 };
}

class JsonScanner {
  readonly #source: string;
  #at = 0;

  constructor(source: string) {
    this.#source = source;
  }

  firstError(): number | null {
    return this.#value(0) && this.#at === this.#source.length ? null : this.#at;
  }

  /** Passes over a value and the space around it; false with `#at` where it cannot go on. */
  #value(depth: number): boolean {
    this.#take(space);
    const read =
      this.#items('{', '}', depth) ??
      this.#items('[', ']', depth) ??
      (this.#take(text) || this.#take(scalar));
    if (read) this.#take(space);
    return read;
  }

  /** An object or array; null when none begins here. */
  #items(open: string, close: string, depth: number): boolean | null {
    if (this.#source[this.#at] !== open) return null;
    if (depth >= deepest) return false;
    this.#at += 1;
    this.#take(space);
    if (this.#is(close)) return true;
    do {
      if (open === '{' && !this.#name()) return false;
      if (!this.#value(depth + 1)) return false;
    } while (this.#is(','));
    return this.#is(close);
  }

  #name(): boolean {
    this.#take(space);
    if (!this.#take(text)) return false;
    this.#take(space);
    return this.#is(':');
  }

  #is(character: string): boolean {
    if (this.#source[this.#at] !== character) return false;
    this.#at += 1;
    return true;
  }

  #take(pattern: RegExp): boolean {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#source);
    if (found === null) return false;
    this.#at += found[0].length;
    return true;
  }
}
