/**
 * Where a stream of events stands, as the `id:` of an event: the store's origin and the position of an event among all its events. A
 * store made anew begins to count anew, and a position of the one before means nothing in it.
 */
export function eventIdOf(origin: string | null, position: number): string {
  return origin === null || position === 0 ? '0' : `${origin}-${position}`;
}

/** The position that an event id means in a store of this origin; null when it is of another store or of none. '0': before all. */
export function positionIn(origin: string | null, lastPosition: number, eventId: string): number | null {
  if (eventId === '0') return 0;
  const found = /^([0-9a-z]{1,12})-([1-9][0-9]{0,14})$/.exec(eventId);
  const position = Number(found?.[2]);
  return found !== null && found[1] === origin && position <= lastPosition ? position : null;
}
