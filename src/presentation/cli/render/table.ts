import type { Canvas, Format } from '../shell/terminal.ts';
import { displayWidth, padEnd, padStart, truncate, truncateMiddle } from './text-width.ts';

export interface Cell {
  /** One line without control characters. */
  readonly text: string;
  /** What is shown instead where the width is limited, such as the end of an id. */
  readonly short?: string;
  readonly format?: Format;
}

export interface Column {
  readonly title: string;
  readonly align?: 'left' | 'right';
  /** Columns that do not fit are left out, the highest rank first; without a rank, it always remains. */
  readonly rank?: number;
  /** Never cut, because a part of it is of no use: an id, a number. */
  readonly whole?: boolean;
  /** Where it is cut: a branch or a path ends with what matters (default: its end). */
  readonly cut?: 'middle';
}

interface ShownColumn extends Column {
  readonly index: number;
  readonly width: number;
}

const gap = '  ';
/** The least width of a column that is cut. */
const leastCut = 10;

/**
 * The lines of a table, titles first. Columns are as wide as their content, and empty ones are left out. If the table
 * is wider than the canvas, columns are left out by rank; then the last is cut, and then the widest others.
 */
export function renderTable(
  columns: readonly Column[],
  rows: readonly (readonly (Cell | string)[])[],
  { paint, width }: Canvas,
): string[] {
  const limited = width !== Number.POSITIVE_INFINITY;
  const cells = rows.map((row) =>
    row.map((cell): Cell => {
      if (typeof cell === 'string') return { text: cell };
      return limited && cell.short !== undefined ? { ...cell, text: cell.short } : cell;
    }),
  );
  const shown = fitted(filled(columns, cells), width);
  const render = (row: readonly Cell[]): string =>
    shown
      .map((column, place) => {
        const { text, format } = row[column.index] ?? { text: '' };
        const cut = (column.cut === 'middle' ? truncateMiddle : truncate)(text, column.width);
        const isLast = place === shown.length - 1;
        const left = isLast ? cut : padEnd(cut, column.width);
        const placed = column.align === 'right' ? padStart(cut, column.width) : left;
        return format === undefined ? placed : paint(format, placed);
      })
      .join(gap)
      .trimEnd();
  return [columns.map(({ title }): Cell => ({ text: title, format: 'dim' })), ...cells].map(render);
}

function filled(columns: readonly Column[], cells: readonly (readonly Cell[])[]): ShownColumn[] {
  return columns.flatMap((column, index) => {
    const texts = cells.map((row) => row[index]?.text ?? '');
    if (texts.every((text) => text === '')) return [];
    return [{ ...column, index, width: Math.max(...[column.title, ...texts].map(displayWidth)) }];
  });
}

function fitted(columns: readonly ShownColumn[], width: number): readonly ShownColumn[] {
  let shown = columns;
  while (leastWidth(shown) > width) {
    const ranks = shown.map(({ rank }) => rank ?? 0);
    const highest = Math.max(...ranks);
    if (highest === 0) break;
    const dropped = ranks.lastIndexOf(highest);
    shown = shown.filter((_, place) => place !== dropped);
  }
  return cutToFit(shown, width);
}

/** The width of the columns if the last one is cut. */
function leastWidth(columns: readonly ShownColumn[]): number {
  const last = columns.at(-1);
  if (last === undefined) return 0;
  return (
    totalWidth(columns) - last.width + (last.whole === true ? last.width : Math.min(last.width, leastCut))
  );
}

function totalWidth(columns: readonly ShownColumn[]): number {
  return columns.reduce((sum, column) => sum + column.width, gap.length * (columns.length - 1));
}

/** The last column first, because it holds the text that can do without its end. */
function cutToFit(columns: readonly ShownColumn[], width: number): readonly ShownColumn[] {
  const widths = columns.map((column) => column.width);
  let excess = totalWidth(columns) - width;
  const byWidth = columns
    .map((_, place) => place)
    .toSorted((a, b) => (widths[b] ?? 0) - (widths[a] ?? 0))
    .filter((place) => place !== columns.length - 1);
  for (const place of [columns.length - 1, ...byWidth]) {
    const current = widths[place] ?? 0;
    if (excess <= 0 || columns[place]?.whole === true || current <= leastCut) continue;
    const taken = Math.min(excess, current - leastCut);
    widths[place] = current - taken;
    excess -= taken;
  }
  return columns.map((column, place) => ({ ...column, width: widths[place] ?? column.width }));
}
