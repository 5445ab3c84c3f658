/**
 * The position of a stream as an event `id:`: the store's origin, and the position among all its events. A new store
 * counts from the beginning, and positions of an earlier one are not valid in it.
 */
export function eventIdOf(origin: string | null, position: number): string {
  return origin === null || position === 0 ? '0' : `${origin}-${position}`;
}

/**
 * The position that an event id stands for in this store; null if it is invalid or from another store. '0' precedes all
 * events.
 */
export function positionIn(origin: string | null, lastPosition: number, eventId: string): number | null {
  if (eventId === '0') return 0;
  const found = /^([0-9a-z]{1,12})-([1-9][0-9]{0,14})$/.exec(eventId);
  const position = Number(found?.[2]);
  return found !== null && found[1] === origin && position <= lastPosition ? position : null;
}
