import { codeOf, inSingleQuotes, type Marked } from './shell-words.ts';

const star = codeOf('*');

/** The texts around each `*` of a pattern. */
export function splitAtStars(pattern: Marked): readonly Marked[] {
  const parts: Marked[] = [];
  let start = 0;
  for (const [at, mark] of pattern.entries()) {
    if (mark % inSingleQuotes !== star) continue;
    parts.push(pattern.subarray(start, at));
    start = at + 1;
  }
  return [...parts, pattern.subarray(start)];
}

/** For each position of a text, how many characters before it `*` may not match. */
export function countBarred(text: Marked, isBarred: (mark: number) => boolean): Uint32Array {
  const barred = new Uint32Array(text.length + 1);
  let count = 0;
  for (let at = 0; at < text.length; at++) {
    if (isBarred(text[at] ?? 0)) count++;
    barred[at + 1] = count;
  }
  return barred;
}

/**
 * True when the text is the parts in their order, with nothing barred between them. Each part is taken where it first
 * occurs, and looked for without ever going back, so that the steps are at most a few for each character. The first
 * place is as good as any: what is barred can only be a part's own, so that a part which holds any has one place.
 */
export function matchesParts(parts: readonly Marked[], text: Marked, barred: Uint32Array): boolean {
  const [first, ...others] = parts;
  if (first === undefined) return false;
  const last = others.pop();
  if (last === undefined) return first.length === text.length && startsAt(text, first, 0);
  const lastStart = text.length - last.length;
  if (!startsAt(text, first, 0) || lastStart < first.length || !startsAt(text, last, lastStart)) return false;
  let end = first.length;
  for (const part of others) {
    const start = find(text, part, end, lastStart);
    if (start === null || barred[start] !== barred[end]) return false;
    end = start + part.length;
  }
  return barred[lastStart] === barred[end];
}

function startsAt(text: Marked, part: Marked, at: number): boolean {
  return part.every((mark, index) => mark === text[at + index]);
}

/** The first place of a part between two others, after Knuth, Morris and Pratt. */
function find(text: Marked, part: Marked, from: number, to: number): number | null {
  if (part.length === 0) return from;
  const borders = bordersOf(part);
  let matched = 0;
  for (let at = from; at < to; at++) {
    matched = extend(part, borders, matched, text[at]);
    if (matched === part.length) return at + 1 - matched;
  }
  return null;
}

/** For each length of a beginning of the part, the longest shorter one that it ends with. */
function bordersOf(part: Marked): readonly number[] {
  const borders = [0, 0];
  for (const mark of part.subarray(1)) borders.push(extend(part, borders, borders.at(-1) ?? 0, mark));
  return borders;
}

function extend(part: Marked, borders: readonly number[], matched: number, next: number | undefined): number {
  let length = matched;
  while (length > 0 && part[length] !== next) length = borders[length] ?? 0;
  return part[length] === next ? length + 1 : length;
}
