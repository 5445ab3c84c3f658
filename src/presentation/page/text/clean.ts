import { showControls } from '../../../domain/invisible-marks.ts';

/** A part of a text, with the classes that its colours of a terminal stand for. */
export interface Segment {
  readonly text: string;
  readonly classes: string;
}

/** CSI, OSC and other escape sequences of ECMA-48, complete or cut off; the first group is that of SGR. */
const sequences =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  /\u001b(?:\[([0-9;:]*)m|\[[0-?]*[ -/]*[@-~]?|[\]PX^_][^\u0007\u001b]*(?:\u0007|\u001b\\)?|[ -/]*[0-~]?)/g;

const names = ['black', 'red', 'green', 'yellow', 'blue', 'magenta', 'cyan', 'white'];

/** Text without anything that is not shown: no escape sequences, and marks that reorder or hide text are spelled out. */
export function plain(text: string): string {
  return showControls(lastOfLines(text.replace(sequences, '')));
}

/** As {@link plain}, with the colours of a terminal as classes. */
export function segments(text: string): readonly Segment[] {
  const found: Segment[] = [];
  let style: Style = none;
  let from = 0;
  const add = (part: string): void => {
    const shown = showControls(part);
    if (shown !== '') found.push({ text: shown, classes: classesOf(style) });
  };
  const kept = lastOfLines(text);
  for (const match of kept.matchAll(sequences)) {
    add(kept.slice(from, match.index));
    from = match.index + match[0].length;
    if (match[1] !== undefined) style = styled(style, match[1]);
  }
  add(kept.slice(from));
  return found;
}

/** What a terminal would show of lines that a program has written over. */
function lastOfLines(text: string): string {
  if (!text.includes('\r')) return text;
  return text
    .replaceAll('\r\n', '\n')
    .split('\n')
    .map((line) => {
      const shown = line.endsWith('\r') ? line.slice(0, -1) : line;
      return shown.slice(shown.lastIndexOf('\r') + 1);
    })
    .join('\n');
}

interface Style {
  readonly colour: string | null;
  readonly isBold: boolean;
  readonly isDim: boolean;
}

const none: Style = { colour: null, isBold: false, isDim: false };

function styled(before: Style, parameters: string): Style {
  let style = before;
  const codes = parameters.split(/[;:]/).map(Number);
  for (let at = 0; at < codes.length; at += 1) {
    const code = codes[at] ?? 0;
    if (code === 0) style = none;
    else if (code === 1) style = { ...style, isBold: true };
    else if (code === 2) style = { ...style, isDim: true };
    else if (code === 22) style = { ...style, isBold: false, isDim: false };
    else if (code === 39) style = { ...style, colour: null };
    else if (code >= 30 && code <= 37) style = { ...style, colour: names[code - 30] ?? null };
    else if (code >= 90 && code <= 97) style = { ...style, colour: names[code - 90] ?? null };
    // A colour by number or by its parts: its parameters are no codes.
    else if (code === 38 || code === 48 || code === 58) at += codes[at + 1] === 2 ? 4 : 2;
  }
  return style;
}

function classesOf({ colour, isBold, isDim }: Style): string {
  return [colour === null ? '' : `t-${colour}`, isBold ? 't-bold' : '', isDim ? 't-dim' : '']
    .filter((name) => name !== '')
    .join(' ');
}
