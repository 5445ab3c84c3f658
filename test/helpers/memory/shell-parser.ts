/** A part of a word: literal text, or the value of a variable, an argument or an arithmetic expression. */
export type Part = { readonly text: string } | { readonly variable: string } | { readonly sum: string };
export type Word = readonly Part[];

export interface Redirect {
  readonly from: 1 | 2;
  /** A file, or the other stream. */
  readonly to: Word | 1 | 2;
  readonly append: boolean;
}

export type Node =
  | { readonly kind: 'list'; readonly items: readonly Node[] }
  | { readonly kind: 'and' | 'or'; readonly left: Node; readonly right: Node }
  | { readonly kind: 'background'; readonly body: Node }
  | { readonly kind: 'loop'; readonly isUntil: boolean; readonly test: Node; readonly body: Node }
  | { readonly kind: 'if'; readonly test: Node; readonly then: Node; readonly otherwise: Node | null }
  | {
      readonly kind: 'command';
      readonly assignments: readonly (readonly [name: string, value: Word])[];
      readonly words: readonly Word[];
      readonly redirects: readonly Redirect[];
    };

const wordEnd = /[\s;&|<>()]/;
const closers = new Set(['do', 'done', 'then', 'else', 'fi', '}']);

/** Parses the part of the shell language that agents of tests use; throws on everything else. */
export function parseShell(text: string): Node {
  const parser = new Parser(text);
  const node = parser.list();
  if (!parser.isAtEnd) throw new Error(`not understood: ${parser.rest}`);
  return node;
}

class Parser {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  get rest(): string {
    return this.#text.slice(this.#at);
  }

  get isAtEnd(): boolean {
    this.#skip();
    return this.#at >= this.#text.length;
  }

  list(): Node {
    const items: Node[] = [];
    while (!this.isAtEnd && !closers.has(this.#peekWord())) {
      const item = this.#andOr();
      if (this.#take('&')) items.push({ kind: 'background', body: item });
      else items.push(item);
      while (this.#take(';') || this.#take('\n'));
    }
    return items.length === 1 ? (items[0] as Node) : { kind: 'list', items };
  }

  #andOr(): Node {
    let left = this.#command();
    for (;;) {
      if (this.#take('&&')) left = { kind: 'and', left, right: this.#command() };
      else if (this.#take('||')) left = { kind: 'or', left, right: this.#command() };
      else return left;
    }
  }

  #command(): Node {
    const word = this.#peekWord();
    if (word === 'until' || word === 'while') {
      this.#expect(word);
      const test = this.list();
      this.#expect('do');
      const body = this.list();
      this.#expect('done');
      return { kind: 'loop', isUntil: word === 'until', test, body };
    }
    if (word === 'if') {
      this.#expect('if');
      const test = this.list();
      this.#expect('then');
      const then = this.list();
      let otherwise: Node | null = null;
      if (this.#peekWord() === 'else') {
        this.#expect('else');
        otherwise = this.list();
      }
      this.#expect('fi');
      return { kind: 'if', test, then, otherwise };
    }
    if (word === '{') {
      this.#expect('{');
      const body = this.list();
      this.#expect('}');
      return body;
    }
    return this.#simple();
  }

  #simple(): Node {
    const assignments: [string, Word][] = [];
    const words: Word[] = [];
    const redirects: Redirect[] = [];
    for (;;) {
      this.#blanks();
      const redirect = /^([12])?(>>|>)(?:&([12]))?/.exec(this.rest);
      const assignment = /^([A-Za-z_]\w*)=/.exec(this.rest);
      if (redirect !== null) {
        this.#at += redirect[0].length;
        const from = redirect[1] === '2' ? 2 : 1;
        const to = redirect[3] === undefined ? this.#word() : ((redirect[3] === '1' ? 1 : 2) as 1 | 2);
        redirects.push({ from, to, append: redirect[2] === '>>' });
      } else if (assignment !== null && words.length === 0) {
        this.#at += assignment[0].length;
        assignments.push([assignment[1] as string, this.#word()]);
      } else if (this.#at < this.#text.length && !wordEnd.test(this.#text[this.#at] as string)) {
        words.push(this.#word());
      } else break;
    }
    if (assignments.length + words.length + redirects.length === 0)
      throw new Error(`not understood: ${this.rest}`);
    return { kind: 'command', assignments, words, redirects };
  }

  #word(): Word {
    this.#blanks();
    const parts: Part[] = [];
    let quote = '';
    for (; this.#at < this.#text.length; ) {
      const char = this.#text[this.#at] as string;
      if (quote === '' && wordEnd.test(char)) break;
      if (quote !== "'" && char === '$') {
        parts.push(this.#expansion());
        continue;
      }
      this.#at += 1;
      if (char === quote) quote = '';
      else if (quote === '' && (char === "'" || char === '"')) quote = char;
      else if (char === '\\' && quote !== "'") parts.push({ text: this.#escaped(quote) });
      else parts.push({ text: char });
      if (quote !== '' && parts.length === 0) parts.push({ text: '' });
    }
    return parts.length === 0 ? [{ text: '' }] : parts;
  }

  #escaped(quote: string): string {
    const next = this.#text[this.#at] ?? '';
    this.#at += 1;
    return quote === '"' && !/["\\$`]/.test(next) ? `\\${next}` : next;
  }

  #expansion(): Part {
    const sum = /^\$\(\(([^()]*)\)\)/.exec(this.rest);
    const variable = /^\$(?:\{(\w+)\}|([A-Za-z_]\w*|[0-9$#@?]))/.exec(this.rest);
    const found = sum ?? variable;
    if (found === null) throw new Error(`not understood: ${this.rest}`);
    this.#at += found[0].length;
    return sum === null
      ? { variable: (variable?.[1] ?? variable?.[2]) as string }
      : { sum: sum[1] as string };
  }

  #peekWord(): string {
    this.#skip();
    return /^(?:[a-z]+(?=[\s;]|$)|[{}](?=[\s;]|$))/.exec(this.rest)?.[0] ?? '';
  }

  #expect(word: string): void {
    this.#skip();
    while (this.#take(';') || this.#take('\n'));
    this.#skip();
    if (!this.rest.startsWith(word)) throw new Error(`expected ${word}: ${this.rest}`);
    this.#at += word.length;
  }

  #take(token: string): boolean {
    this.#blanks();
    const isThere = this.rest.startsWith(token) && !(token === '&' && this.rest.startsWith('&&'));
    if (isThere) this.#at += token.length;
    return isThere;
  }

  #blanks(): void {
    while (/[ \t]/.test(this.#text[this.#at] ?? '')) this.#at += 1;
  }

  #skip(): void {
    while (/[ \t\n]/.test(this.#text[this.#at] ?? '')) this.#at += 1;
  }
}
