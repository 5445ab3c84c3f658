import { createHash } from 'node:crypto';

/** How far a stream of all projects is in each. By the projects' keys; a project without an entry is at its beginning. */
export type Positions = ReadonlyMap<string, number>;

/** Bytes of a project's key: short, because every event carries the positions of all projects. */
const keyBytes = 5;

/** Stands for a project with the store that it has now: a new store in its place counts from the beginning. */
export function keyOf(path: string, origin: string | null): string {
  return createHash('sha256')
    .update(`${path}\0${origin}`)
    .digest('hex')
    .slice(0, 2 * keyBytes);
}

/**
 * The positions as an event `id:`: `a`, and in base64url, for each project, its key and its position in groups of seven
 * bits, the lowest first.
 */
export function allIdOf(positions: Positions): string {
  const bytes: number[] = [];
  for (const [key, position] of positions) {
    if (position === 0) continue;
    bytes.push(...Buffer.from(key, 'hex'));
    let rest = position;
    for (; rest >= 128; rest = Math.floor(rest / 128)) bytes.push(128 + (rest % 128));
    bytes.push(rest);
  }
  return `a${Buffer.from(bytes).toString('base64url')}`;
}

/** Null if the id is not of a stream of all projects. */
export function positionsIn(eventId: string): Positions | null {
  if (!/^a[A-Za-z0-9_-]*$/.test(eventId)) return null;
  const bytes = Buffer.from(eventId.slice(1), 'base64url');
  const positions = new Map<string, number>();
  for (let at = 0; at < bytes.length; ) {
    const key = bytes.toString('hex', at, at + keyBytes);
    at += keyBytes;
    let position = 0;
    let factor = 1;
    for (;;) {
      const byte = bytes[at++];
      if (byte === undefined || factor > Number.MAX_SAFE_INTEGER) return null;
      position += (byte % 128) * factor;
      factor *= 128;
      if (byte < 128) break;
    }
    if (!Number.isSafeInteger(position)) return null;
    positions.set(key, position);
  }
  return positions;
}
