import { formatCursor, parseCursor } from '../answers/cursor.ts';

/** Large enough for all tools and prompts, because some clients ignore cursors. */
const pageSize = 100;

/** The page at a cursor, under the specification's key for the items. @throws MaosError INVALID_INPUT */
export function pageOf<Item>(
  key: string,
  items: readonly Item[],
  cursor: string | undefined,
  method: string,
): Record<string, unknown> {
  const from = parseCursor(cursor, method);
  const to = from + pageSize;
  return {
    [key]: items.slice(from, to),
    ...(to < items.length ? { nextCursor: formatCursor(to) } : {}),
  };
}
