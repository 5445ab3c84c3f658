import type { Canvas, Format } from '../shell/terminal.ts';
import { displayWidth, padEnd, padStart, truncate } from './text-width.ts';

export interface Cell {
  /** One line without control characters. */
  readonly text: string;
  readonly format?: Format;
}

export interface Column {
  readonly title: string;
  readonly align?: 'left' | 'right';
}

const gap = '  ';
const leastLast = 10;

/**
 * The lines of a table, titles first. Columns are as wide as their content; the last is cut at the canvas's edge, and
 * empty ones are left out.
 */
export function renderTable(
  columns: readonly Column[],
  rows: readonly (readonly (Cell | string)[])[],
  { paint, width }: Canvas,
): string[] {
  const cells = rows.map((row) =>
    row.map((cell): Cell => (typeof cell === 'string' ? { text: cell } : cell)),
  );
  const shown = columns.flatMap((column, index) => {
    const texts = cells.map((row) => row[index]?.text ?? '');
    if (texts.every((text) => text === '')) return [];
    return [{ ...column, index, width: Math.max(...[column.title, ...texts].map(displayWidth)) }];
  });
  const before = shown.slice(0, -1).reduce((sum, column) => sum + column.width + gap.length, 0);
  const lastWidth = Math.max(leastLast, width - before);
  const render = (row: readonly Cell[]): string =>
    shown
      .map((column, place) => {
        const { text, format } = row[column.index] ?? { text: '' };
        const isLast = place === shown.length - 1;
        const cut = isLast ? truncate(text, lastWidth) : text;
        const left = isLast ? cut : padEnd(cut, column.width);
        const placed = column.align === 'right' ? padStart(cut, column.width) : left;
        return format === undefined ? placed : paint(format, placed);
      })
      .join(gap)
      .trimEnd();
  return [columns.map(({ title }): Cell => ({ text: title, format: 'dim' })), ...cells].map(render);
}
