import type { CliCommand } from './command.ts';
import { displayWidth } from './render/text-width.ts';

/** For the help and the man page of maos. */
export const statuses =
  'Exit status: 0 done, 1 the session or an agent failed, 2 usage error, 3 not found, 4 not possible in this state, 5 limit reached, 6 backend not available or not signed in, 7 the session is paused, 70 bug in maos, 130 interrupted.';

export function statusesText(width: number): string {
  return wrapped(statuses, width).join('\n');
}

export function examplesText({ examples }: CliCommand, width: number): string {
  return [
    '',
    'Examples:',
    ...examples.flatMap(({ line, says }) => [`  $ ${line}`, indented(says, width)]),
  ].join('\n');
}

/** A text below what it is about. */
export function indented(text: string, width: number): string {
  const indent = '      ';
  return wrapped(text, width - indent.length)
    .map((part) => indent + part)
    .join('\n');
}

/** The words of a text on lines of at most this many columns, or one word. */
function wrapped(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    const longer = line === '' ? word : `${line} ${word}`;
    if (line !== '' && displayWidth(longer) > width) {
      lines.push(line);
      line = word;
    } else line = longer;
  }
  return [...lines, line];
}
