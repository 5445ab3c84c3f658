import { startOf } from '../../../domain/cut-text.ts';
import { MaosError, quote } from '../../../domain/errors.ts';

/** A cursor with the number of items on previous pages. Opaque to clients. */
export function formatCursor(shown: number): string {
  return `from-${shown}`;
}

/**
 * @param asked the tool or method, for the error message
 * @returns how many items to skip
 * @throws MaosError INVALID_INPUT for a cursor that is not from {@link formatCursor}
 */
export function parseCursor(cursor: string | undefined, asked: string): number {
  if (cursor === undefined) return 0;
  const position = /^from-([0-9]{1,9})$/.exec(cursor)?.[1];
  if (position !== undefined) return Number(position);
  throw notACursor(cursor, asked);
}

export function notACursor(cursor: string, asked: string): MaosError {
  return new MaosError(
    'INVALID_INPUT',
    `Invalid cursor ${quote(cursor)} for ${asked}: pass the cursor of the previous page, or leave it out.`,
    { details: { cursor: startOf(cursor, 200) } },
  );
}
