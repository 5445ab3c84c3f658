import { displayWidth, startWithin, truncate } from '../render/text-width.ts';

// biome-ignore lint/suspicious/noControlCharactersInRegex: formats are made of them
const formats = /(\u001b\[[0-9;]*m)/;

/** As {@link truncate}, for text with formats: they take no columns, and those after the cut are kept, so that none stays open. */
export function fit(text: string, width: number): string {
  const pieces = text.split(formats);
  const plain = pieces.filter((_, index) => index % 2 === 0).join('');
  if (displayWidth(plain) <= width) return text;
  let left = width;
  return pieces
    .map((piece, index) => {
      if (index % 2 === 1) return piece;
      const rest = pieces.slice(index + 2).some((other, place) => place % 2 === 0 && other !== '');
      // With more to come, even a piece that fits exactly has to give way to the mark of the cut.
      const shown =
        left <= 0 ? '' : truncate(rest && displayWidth(piece) >= left ? `${piece} ` : piece, left);
      left = shown === piece ? left - displayWidth(piece) : 0;
      return shown;
    })
    .join('');
}

/** With blanks up to the width. */
export function fill(text: string, width: number): string {
  const plain = text
    .split(formats)
    .filter((_, index) => index % 2 === 0)
    .join('');
  return `${text}${' '.repeat(Math.max(0, width - displayWidth(plain)))}`;
}

/** The text in lines of at most `width` columns, cut between words where possible. It must not contain formats. */
export function wrap(text: string, width: number, indent = ''): string[] {
  const room = Math.max(1, width);
  const lines: string[] = [];
  let rest = text;
  for (;;) {
    const head = lines.length === 0 ? '' : indent;
    const most = Math.max(1, room - head.length);
    if (displayWidth(rest) <= most) return [...lines, `${head}${rest}`];
    const whole = startWithin(rest, most) || [...rest][0] || '';
    const space = rest[whole.length] === ' ' ? whole.length : whole.lastIndexOf(' ');
    const cut = space > most / 2 ? space : whole.length;
    lines.push(`${head}${rest.slice(0, cut)}`);
    rest = rest.slice(cut).replace(/^ /, '');
  }
}
