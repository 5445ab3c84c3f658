import { stripVTControlCharacters } from 'node:util';
import { eastAsianWidth } from 'get-east-asian-width';

// The package string-width implements the same rules, but takes 20 ms to load, which would slow every command.
const emoji = /\p{Emoji_Presentation}|\p{RI}|\ufe0f/u;
const narrowEmoji = /^.\ufe0e/u;
const hangul = /^[\u1100-\u11ff\ua960-\ua97c\uac00-\ud7fb]/;
const unseen = /^[\p{Default_Ignorable_Code_Point}\p{Mn}\p{Me}\p{Cf}]$/u;
const ascii = /^[\x20-\x7e]*$/;

const segmenter = new Intl.Segmenter('en', { granularity: 'grapheme' });

function graphemeWidth(grapheme: string): number {
  if (narrowEmoji.test(grapheme)) return 1;
  if (emoji.test(grapheme)) return 2;
  // A syllable composed of parts is drawn as one.
  if (hangul.test(grapheme)) return eastAsianWidth(grapheme.codePointAt(0) as number);
  let width = 0;
  for (const character of grapheme) {
    if (!unseen.test(character)) width += eastAsianWidth(character.codePointAt(0) as number);
  }
  return width;
}

/** Columns that the text takes on most terminals; it must not contain control characters or escape sequences. */
export function displayWidth(text: string): number {
  if (ascii.test(text)) return text.length;
  let width = 0;
  for (const { segment } of segmenter.segment(text)) width += graphemeWidth(segment);
  return width;
}

/** Cuts the text to at most `width` columns, with `…` if it was cut. */
export function truncate(text: string, width: number): string {
  if (width === Number.POSITIVE_INFINITY || displayWidth(text) <= width) return text;
  return width < 1 ? '' : `${startWithin(text, width - 1).trimEnd()}…`;
}

/** Cuts the middle out of a name or path, which is ASCII or nearly so. */
export function truncateMiddle(text: string, width: number): string {
  if (displayWidth(text) <= width) return text;
  const tail = Math.floor((width - 1) / 2);
  return `${startWithin(text, width - 1 - tail)}…${text.slice(text.length - tail)}`;
}

/** As much of the start of the text as takes at most `width` columns. */
export function startWithin(text: string, width: number): string {
  if (ascii.test(text)) return text.slice(0, width);
  let used = 0;
  let kept = '';
  for (const { segment } of segmenter.segment(text)) {
    used += graphemeWidth(segment);
    if (used > width) break;
    kept += segment;
  }
  return kept;
}

export function padEnd(text: string, width: number): string {
  return text + ' '.repeat(Math.max(0, width - displayWidth(text)));
}

export function padStart(text: string, width: number): string {
  return ' '.repeat(Math.max(0, width - displayWidth(text))) + text;
}

/** Number of rows that the lines take on a terminal of that width; they may have formats. */
export function rowsOf(lines: readonly string[], columns: number): number {
  return lines.reduce(
    (sum, line) => sum + Math.max(1, Math.ceil(displayWidth(stripVTControlCharacters(line)) / columns)),
    0,
  );
}
