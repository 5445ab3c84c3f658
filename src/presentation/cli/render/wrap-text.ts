import { stripVTControlCharacters } from 'node:util';
import { displayWidth } from './text-width.ts';

/** Of a column that is narrower, the text begins on a line of its own. */
const leastColumn = 24;

/**
 * Breaks a line between words, so that no piece is wider than `width`; longer words stay whole. A command in quotes is
 * one word if it fits. What follows the first piece is indented like the line, or below the text of a list item.
 */
export function wrapLine(line: string, width: number): string {
  const [start = ''] = /^ *(?:- |\d+\. )?/.exec(line) ?? [];
  const hang = start.length + (/\S/.test(start) || start === '' ? 0 : 2);
  return wrapText(line, width, Math.min(hang, Math.floor(width / 3)));
}

/** {@link wrapLine} for each line of a text. */
export function wrapLines(text: string, width: number): string {
  return text
    .split('\n')
    .map((line) => wrapLine(line, width))
    .join('\n');
}

/** Makes each paragraph and list item of a Markdown text one line, for {@link wrapLine}. */
export function unwrapped(text: string): string {
  return text.replaceAll(/(?<=\S)\n *(?=[^\s#>-])/g, ' ');
}

/** The text beside a head that stands alone on the left; below it where little room is left. */
export function besideHead(head: string, text: string, width: number): string {
  const room = stripVTControlCharacters(head).length;
  return wrapText(`${head}${text}`, width, width - room < leastColumn ? 4 : room);
}

/** @param hang columns before each piece but the first */
function wrapText(text: string, width: number, hang: number): string {
  if (widthOf(text) <= width) return text;
  const lines: string[] = [];
  let line = '';
  for (const [, gap = '', word = ''] of wordsOf(text, width - hang)) {
    if (line.trim() !== '' && widthOf(line + gap + word) > width) {
      lines.push(line);
      line = ' '.repeat(hang) + word;
    } else line += gap + word;
  }
  return [...lines, line].join('\n') + (/\s*$/.exec(text)?.[0] ?? '');
}

/** Words with the space before them; a quotation that fits a line is one. */
function wordsOf(text: string, width: number): RegExpExecArray[] {
  const quoted = `[("]*'(?=\\S)[^'\n]{1,${Math.max(1, width - 4)}}(?<=\\S)'(?=[\\s).,:;?!]|$)\\S*`;
  return [...text.matchAll(new RegExp(`(\\s*)(${quoted}|\\S+)`, 'g'))];
}

function widthOf(text: string): number {
  return displayWidth(stripVTControlCharacters(text));
}
