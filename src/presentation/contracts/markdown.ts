import { quoted } from '../../application/quotation.ts';
import { showName } from '../../domain/invisible-marks.ts';

/** Others' text in a Markdown document: as code, because nothing in code is a link, an image, HTML or a mention. */

/** Text of one line in a sentence. */
export function codeSpan(text: string): string {
  const line = showName(text.toWellFormed()).replaceAll('\r', '\\r');
  if (line.trim() === '') return '``';
  const marks = '`'.repeat(longestRun(line) + 1);
  const pad = /^[` ]|[` ]$/.test(line) ? ' ' : '';
  return `${marks}${pad}${line}${pad}${marks}`;
}

/** Text of several lines, each marked as another's. */
export function codeBlock(text: string): string[] {
  const lines = quoted(text).split('\n');
  const marks = '`'.repeat(Math.max(3, ...lines.map((line) => longestRun(line) + 1)));
  return [`${marks}text`, ...lines, marks];
}

function longestRun(line: string): number {
  return Math.max(0, ...(line.match(/`+/g) ?? []).map(({ length }) => length));
}
