/**
 * The block between two `---` lines at the head of a Markdown file, in the subset of YAML that occurs there: texts
 * (plain, quoted, `|`, `>`), lists and comments. Deeper structures are ignored.
 *
 * Like Claude Code (2.1.330), and unlike YAML, accepts plain text that contains `: ` or begins with `*`, `@` or `{`,
 * because people write descriptions that way.
 */
export interface FrontMatter {
  readonly fields: ReadonlyMap<string, Field>;
  /** The text after the block. */
  readonly body: string;
}

export interface Field {
  /** Line in the file, from 1. */
  readonly line: number;
  /** Null: no value. An object: a deeper structure, whose content is not read. */
  readonly value: string | readonly string[] | null | object;
}

/** A block that cannot be read. */
export class FrontMatterError extends Error {
  readonly line: number;

  constructor(line: number, message: string) {
    super(message);
    this.line = line;
  }
}

const blank = /^\s*$/;
const field = /^([A-Za-z_][\w.-]*)[ \t]*:(?:[ \t]+(.*))?$/;
const item = /^\s*-(?:\s+(.*))?$/;
const blockMark = /^([|>])[+\-\d]*\s*(?:#.*)?$/;

/**
 * @returns null for a file without such a block
 * @throws FrontMatterError
 */
export function parseFrontMatter(source: string): FrontMatter | null {
  const lines = source.replace(/^\uFEFF/, '').split(/\r?\n/);
  if (lines[0]?.trimEnd() !== '---') return null;
  const end = lines.findIndex((line, index) => index > 0 && line.trimEnd() === '---');
  if (end < 0)
    throw new FrontMatterError(1, "the block that begins with '---' has no end: close it with '---'");
  return { fields: readFields(lines.slice(1, end)), body: lines.slice(end + 1).join('\n') };
}

function readFields(lines: readonly string[]): ReadonlyMap<string, Field> {
  const fields = new Map<string, Field>();
  for (let at = 0; at < lines.length; ) {
    // Counted from 1, after the first `---` line.
    const line = at + 2;
    const text = lines[at++] as string;
    if (blank.test(text) || text.trimStart().startsWith('#')) continue;
    const [, key, rest = ''] = field.exec(text) ?? [];
    if (key === undefined) {
      throw new FrontMatterError(
        line,
        "expected 'key: value'; a text of several lines must be indented, or quoted",
      );
    }
    const head = rest.trim();
    const mayBeList = head === '' || head.startsWith('#');
    const below: string[] = [];
    while (at < lines.length && belongs(lines[at] as string, mayBeList)) below.push(lines[at++] as string);
    fields.set(key, { line, value: readValue(head, below) });
  }
  return fields;
}

/** Whether the line continues the field above it. List items need no indentation. */
function belongs(line: string, mayBeList: boolean): boolean {
  return blank.test(line) || /^[ \t]/.test(line) || (mayBeList && item.test(line));
}

function readValue(head: string, below: readonly string[]): Field['value'] {
  const block = blockMark.exec(head);
  if (block !== null) return blockText(below, block[1] === '>');
  const content = below.filter((line) => !blank.test(line));
  if (withoutComment(head) === '') {
    const [first] = content;
    if (first === undefined) return null;
    if (item.test(first)) return readList(below.slice(below.indexOf(first)));
    if (field.test(first.trim())) return {};
  }
  return inlineValue(fold([head, ...below]), () => fold([head, ...below].map(withoutComment)));
}

/** Lines indented more than an item's dash belong to that item. */
function readList(lines: readonly string[]): Field['value'] {
  const depth = indentation(lines[0] as string);
  const starts = lines.flatMap((line, at) => (item.test(line) && indentation(line) === depth ? [at] : []));
  const values = starts.map((start, index) => {
    const [head = '', ...below] = lines.slice(start, starts[index + 1]);
    const text = itemText(head);
    if (below.every((line) => blank.test(line))) return text;
    return field.test(text) ? null : readValue((item.exec(head)?.[1] ?? '').trim(), below);
  });
  return values.every((value) => typeof value === 'string') ? values : {};
}

function indentation(line: string): number {
  return line.search(/\S/);
}

function inlineValue(whole: string, plain: () => string): Field['value'] {
  const list = /^\[([^[\]]*)\]\s*(?:#.*)?$/.exec(whole);
  if (list !== null) return commaSeparated(list[1] as string).map(scalar);
  if (/^\{.*\}$/s.test(whole)) return {};
  return quotedText(whole) ?? plain();
}

function scalar(text: string): string {
  return quotedText(text) ?? withoutComment(text);
}

function itemText(line: string): string {
  return scalar((item.exec(line)?.[1] ?? '').trim());
}

/** Null for text that is not entirely in quotation marks. */
function quotedText(text: string): string | null {
  const double = /^"((?:[^"\\]|\\.)*)"\s*(?:#.*)?$/s.exec(text);
  if (double !== null) return unescaped(double[1] as string);
  const single = /^'((?:[^']|'')*)'\s*(?:#.*)?$/.exec(text);
  return single === null ? null : (single[1] as string).replaceAll("''", "'");
}

const escapes: Readonly<Record<string, string>> = { n: '\n', t: '\t', r: '\r' };

function unescaped(text: string): string {
  return text.replaceAll(/\\(?:u([\da-fA-F]{4})|x([\da-fA-F]{2})|(.))/gs, (_, long, short, one) => {
    const code: string | undefined = long ?? short;
    return code === undefined ? (escapes[one] ?? one) : String.fromCharCode(Number.parseInt(code, 16));
  });
}

function withoutComment(text: string): string {
  return text.replace(/(?:^|\s)#.*$/, '').trim();
}

/** Splits at commas outside quotation marks and parentheses: `Read, Bash(a, b)` has two parts. */
export function commaSeparated(text: string): readonly string[] {
  const parts: string[] = [];
  let [start, begun, quote, depth] = [0, false, '', 0];
  for (let at = 0; at < text.length; at++) {
    const character = text[at] as string;
    if (quote !== '') {
      if (character === quote) quote = '';
      else if (character === '\\' && quote === '"') at += 1;
    } else if (character === ',' && depth === 0) {
      parts.push(text.slice(start, at));
      [start, begun] = [at + 1, false];
    } else if (character === '(') depth += 1;
    else if (character === ')') depth = Math.max(0, depth - 1);
    // An apostrophe within a word does not open a quotation.
    else if (!begun && (character === '"' || character === "'")) quote = character;
    if (at >= start && character.trim() !== '') begun = true;
  }
  return [...parts, text.slice(start)].map((part) => part.trim()).filter((part) => part !== '');
}

/** Folds lines as YAML does: a line break becomes a space, an empty line becomes a line break. */
function fold(lines: readonly string[]): string {
  return lines
    .map((line) => line.trim())
    .join('\n')
    .trim()
    .replaceAll(/\n+/g, (ends) => (ends.length === 1 ? ' ' : '\n'.repeat(ends.length - 1)));
}

function blockText(lines: readonly string[], folded: boolean): string {
  const depths = lines.filter((line) => !blank.test(line)).map(indentation);
  const text = lines.map((line) => line.slice(Math.min(...depths)).trimEnd());
  return folded ? fold(text) : text.join('\n').trim();
}
