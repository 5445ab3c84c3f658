import { startOf } from '../domain/cut-text.ts';
import { showPath } from '../domain/errors.ts';
import { showControls, showName } from '../domain/invisible-marks.ts';
import type { PromptEscape } from './ports/backend.ts';

/** Everything that a reader may take for a line end. */
const lineEnd = /\r\n|[\n\v\f\r\u0085\u2028\u2029]/;

/** The prefix of each line that was not written by MAOS. */
const mark = '> ';

/**
 * Quotes text of others in a prompt, a message or a tool's answer: each line gets the prefix `> `.
 *
 * Nothing in it can escape the quotation, because there is no end mark to imitate: an unquoted line can only be from
 * MAOS. A part cut out of the middle of a conversation is still marked, whereas a pair of tags or a random boundary
 * could lose its other half. Everything that may be read as a line end is one here, and invisible characters, or ones
 * that reorder or control what is displayed, are shown as JSON escapes.
 */
export function quoted(text: string): string {
  return text
    .toWellFormed()
    .split(lineEnd)
    .map((line) => showControls(`${mark}${line}`).trimEnd())
    .join('\n');
}

/**
 * Like {@link quoted}, for at most `max` characters; an unquoted line says that the rest was left out.
 * @param whole says where the whole text is
 */
export function quotedStart(text: string, max: number, whole: string): string {
  if (text.length <= max) return quoted(text);
  const sizes = [max, text.length].map((size) => size.toLocaleString('en-US'));
  return `${quoted(startOf(text, max))}\n[truncated: the first ${sizes[0]} of ${sizes[1]} characters; ${whole}]`;
}

/** The first line of others' text. */
export function firstLineOf(text: string): string {
  return text.trim().split(lineEnd, 1)[0] ?? '';
}

/** Agents choose the names of their files, and a name can contain any character. */
export function quotedPath(path: string): string {
  return showName(path) === path && path.isWellFormed() ? path : showPath(path);
}

/**
 * Escapes the text so that its reader's CLI does not act on it.
 * @param promptEscape null: its CLI takes any text unchanged
 */
export function escaped(text: string, promptEscape: PromptEscape | null): string {
  return promptEscape === null ? text : promptEscape.apply(text);
}

/** The legend to put before an escaped text, if escaping changed it. */
export function legendOf(text: string, promptEscape: PromptEscape | null): readonly string[] {
  return promptEscape === null || promptEscape.apply(text) === text ? [] : [promptEscape.legend];
}
