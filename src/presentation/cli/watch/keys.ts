/** What the user did at the terminal. */
export type Input =
  /** `name`: a character, or such as `up`, `enter`, `escape`, `ctrl-c`. */
  | { readonly type: 'key'; readonly name: string }
  | { readonly type: 'paste'; readonly text: string }
  /** `row` and `column` from 0. */
  | {
      readonly type: 'mouse';
      readonly what: 'click' | 'wheel-up' | 'wheel-down';
      readonly row: number;
      readonly column: number;
    };

const names: Readonly<Record<string, string>> = {
  A: 'up',
  B: 'down',
  C: 'right',
  D: 'left',
  H: 'home',
  F: 'end',
  Z: 'back-tab',
  '1~': 'home',
  '4~': 'end',
  '5~': 'page-up',
  '6~': 'page-down',
  '7~': 'home',
  '8~': 'end',
};

const controls: Readonly<Record<string, string>> = {
  '\r': 'enter',
  '\n': 'enter',
  '\t': 'tab',
  '\b': 'backspace',
  '\u007f': 'backspace',
};

const pasteStart = '\u001b[200~';
const pasteEnd = '\u001b[201~';
/** Maximum characters of a paste; more are dropped. */
const maxPaste = 100_000;
// biome-ignore lint/suspicious/noControlCharactersInRegex: control sequences are what is read here
const sequence = /^\u001b(?:\[<(\d+);(\d+);(\d+)([Mm])|\[([0-9;?]*)([A-Za-z~])|O([A-Za-z]))/;
/** The beginning of a sequence whose rest has not arrived. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: control sequences are what is read here
const unfinished = /^\u001b(?:\[<?[0-9;?]*|O)?$/;

/** Reads keys, pastes and mouse reports (SGR, mode 1006) from what a terminal sends, however it is cut into pieces. */
export class KeyReader {
  #rest = '';

  /** Whether the beginning of a sequence waits for its rest, as after the Esc key. */
  get isWaiting(): boolean {
    return this.#rest !== '';
  }

  read(text: string): Input[] {
    this.#rest += text;
    const inputs: Input[] = [];
    while (this.#rest !== '') {
      const before = this.#rest;
      const input = this.#next();
      if (input !== null) inputs.push(input);
      if (this.#rest === before) break;
    }
    return inputs;
  }

  /** Call when nothing has followed for a moment: what waits was the Esc key. */
  flush(): Input[] {
    const wasPaste = this.#rest.startsWith(pasteStart);
    if (wasPaste || !this.isWaiting) return [];
    const typed = this.#rest.slice(1);
    this.#rest = '';
    return [{ type: 'key', name: 'escape' }, ...this.read(typed)];
  }

  /** Null for what has no meaning here, and when the rest is missing. */
  #next(): Input | null {
    const { length } = pasteStart;
    if (this.#rest.startsWith(pasteStart)) {
      const end = this.#rest.indexOf(pasteEnd);
      if (end < 0) {
        this.#rest = this.#rest.slice(0, length + maxPaste);
        return null;
      }
      return this.#take(end + pasteEnd.length, {
        type: 'paste',
        text: this.#rest.slice(length, Math.min(end, length + maxPaste)),
      });
    }
    const found = sequence.exec(this.#rest);
    if (found !== null) return this.#take(found[0].length, meaningOf(found));
    if (unfinished.test(this.#rest)) return null;
    const [character = ''] = this.#rest;
    return this.#take(character.length, keyOf(character));
  }

  #take(length: number, input: Input | null): Input | null {
    this.#rest = this.#rest.slice(length);
    return input;
  }
}

function meaningOf([, button, column, row, press, parameters, final, single]: RegExpExecArray): Input | null {
  if (button !== undefined) {
    const what =
      press === 'M' ? ({ 0: 'click', 64: 'wheel-up', 65: 'wheel-down' } as const)[button] : undefined;
    if (what === undefined) return null;
    return { type: 'mouse', what, row: Number(row) - 1, column: Number(column) - 1 };
  }
  const name = single ?? (final === '~' ? `${parameters}~` : (final ?? ''));
  const known = names[name];
  return known === undefined ? null : { type: 'key', name: known };
}

function keyOf(character: string): Input | null {
  const named = controls[character];
  if (named !== undefined) return { type: 'key', name: named };
  const code = character.codePointAt(0) as number;
  if (code === 27) return { type: 'key', name: 'escape' };
  if (code < 27) return { type: 'key', name: `ctrl-${String.fromCharCode(code + 96)}` };
  return code < 32 ? null : { type: 'key', name: character };
}
