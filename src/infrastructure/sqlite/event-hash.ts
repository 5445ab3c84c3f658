import type { RecordedEvent } from '../../domain/events.ts';

/**
 * The hash of an event in its session's chain: SHA-256 (hex) over the UTF-8 text of the previous event's hash, a
 * line feed, and the event as canonical JSON: keys `agentId, at, data, seq, sessionId, type`, all keys sorted at every
 * depth, no spaces. The first event follows the empty hash. Whoever holds the last hash can thus tell later whether
 * any event was changed, removed or put in between.
 * @param previousHash hex, or '' for the event with `seq` 1
 */
export function eventHash(previousHash: string, event: RecordedEvent): string {
  const { agentId, at, data, seq, sessionId, type } = event;
  const content = canonicalJson({ agentId, at, data, seq, sessionId, type });
  return sha256()(`${previousHash}\n${content}`);
}

/** JSON with sorted keys; equal for a value and for what JSON made of it and back. */
export function canonicalJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map((item) => canonicalJson(item ?? null)).join(',')}]`;
  if (value === null || typeof value !== 'object') return JSON.stringify(value) ?? 'null';
  const entries = Object.entries(value).filter(([, item]) => item !== undefined);
  // By code units, which every language can repeat; a locale's order is not the same everywhere.
  entries.sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${entries.map(([key, item]) => `${JSON.stringify(key)}:${canonicalJson(item)}`).join(',')}}`;
}

let digest: ((text: string) => string) | undefined;

/** Loading node:crypto takes milliseconds, which a start that only reads should not pay. */
function sha256(): (text: string) => string {
  if (digest === undefined) {
    const { createHash } = process.getBuiltinModule('node:crypto');
    digest = (text) => createHash('sha256').update(text, 'utf8').digest('hex');
  }
  return digest;
}
