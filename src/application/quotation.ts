import { startOf } from '../domain/cut-text.ts';
import { showPath } from '../domain/errors.ts';
import { showControls, showName } from '../domain/invisible-marks.ts';
import type { PromptEscape } from './ports/backend.ts';

/** Everything that a reader may take for the end of a line. */
const lineEnd = /\r\n|[\n\v\f\r\u0085\u2028\u2029]/;

/** What stands before each line that somebody other than MAOS wrote. */
const mark = '> ';

/**
 * A text of others as it stands in a prompt, a message or a tool's answer: each of its lines behind `> `.
 *
 * Nothing in it can get out of these marks, because there is no end mark to imitate: a line is outside only if MAOS
 * wrote it. What is cut out of the middle of a conversation is still marked, where a pair of tags or a random boundary
 * could lose its other half. Whatever may be read as the end of a line ends one here, and characters that nobody sees, or
 * that reorder or steer what is seen, are shown as JSON writes them.
 */
export function quoted(text: string): string {
  return text
    .toWellFormed()
    .split(lineEnd)
    .map((line) => showControls(`${mark}${line}`).trimEnd())
    .join('\n');
}

/**
 * As {@link quoted}, of at most `max` characters; outside the marks it says that the rest was left out.
 * @param whole where the whole text is
 */
export function quotedStart(text: string, max: number, whole: string): string {
  if (text.length <= max) return quoted(text);
  const sizes = [max, text.length].map((size) => size.toLocaleString('en-US'));
  return `${quoted(startOf(text, max))}\n[truncated: the first ${sizes[0]} of ${sizes[1]} characters; ${whole}]`;
}

/** A text of others for one line. */
export function firstLineOf(text: string): string {
  return text.trim().split(lineEnd, 1)[0] ?? '';
}

/** Agents choose the names of their files, and a name may hold any character. */
export function quotedPath(path: string): string {
  return showName(path) === path && path.isWellFormed() ? path : showPath(path);
}

/**
 * The text so that its reader's CLI acts on nothing in it.
 * @param promptEscape null: its CLI takes any text as it is
 */
export function escaped(text: string, promptEscape: PromptEscape | null): string {
  return promptEscape === null ? text : promptEscape.apply(text);
}

/** What is to be said before an escaped text, if anything was changed in it. */
export function legendOf(text: string, promptEscape: PromptEscape | null): readonly string[] {
  return promptEscape === null || promptEscape.apply(text) === text ? [] : [promptEscape.legend];
}
