import { codeOf, inSingleQuotes, type Marked } from './shell-words.ts';

const star = codeOf('*');

/** The texts between the `*` of a pattern. */
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

/** For each position of a text, the number of earlier characters that `*` may not match. */
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
 * Whether the text consists of the parts in order, with no barred character between them. Takes each part at its first
 * occurrence without backtracking, in linear time. The first occurrence suffices: barred characters must belong to
 * parts, so a part that contains one has only one possible position.
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

/** The first position of a part between two others, by the Knuth-Morris-Pratt algorithm. */
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

/** For each prefix of the part, the length of its longest proper border. */
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
