/**
 * Where a stream of events stands, as the `id:` of an event: the store's origin and the place among all its events. A
 * store made anew begins to count anew, and a position of the one before means nothing in it.
 */
export function positionOf(origin: string | null, place: number): string {
  return origin === null || place === 0 ? '0' : `${origin}-${place}`;
}

/** The place a position means in a store of this origin; null when it is none of its positions. '0': before all. */
export function placeIn(origin: string | null, lastPlace: number, position: string): number | null {
  if (position === '0') return 0;
  const found = /^([0-9a-z]{1,12})-([1-9][0-9]{0,14})$/.exec(position);
  const place = Number(found?.[2]);
  return found !== null && found[1] === origin && place <= lastPlace ? place : null;
}
