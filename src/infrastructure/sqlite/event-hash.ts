import type { RecordedEvent } from '../../domain/events.ts';

/**
 * The hash of an event in its session's chain: SHA-256 (hex) of the UTF-8 text of the previous event's hash, a line
 * feed, and the event as canonical JSON with the keys `agentId, at, data, seq, sessionId, type`; keys are sorted at
 * every depth, without spaces. The first event follows the empty hash. The last hash thus proves that no earlier event
 * was changed, removed or inserted.
 * @param previousHash hex, or '' for the event with `seq` 1
 */
export function eventHash(previousHash: string, event: RecordedEvent): string {
  const { agentId, at, data, seq, sessionId, type } = event;
  const content = canonicalJson({ agentId, at, data, seq, sessionId, type });
  return sha256(`${previousHash}\n${content}`);
}

/** JSON with sorted keys. A value and its copy that went through JSON give the same text. */
export function canonicalJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map((item) => canonicalJson(item ?? null)).join(',')}]`;
  if (value === null || typeof value !== 'object') return JSON.stringify(value) ?? 'null';
  const entries = Object.entries(value).filter(([, item]) => item !== undefined);
  // By code units, which every language can reproduce; locale order varies.
  entries.sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${entries.map(([key, item]) => `${JSON.stringify(key)}:${canonicalJson(item)}`).join(',')}}`;
}

let digest: ((text: string) => string) | undefined;

/** In hex. Loads node:crypto on first use, which takes milliseconds that processes that only read should not pay. */
export function sha256(text: string): string {
  if (digest === undefined) {
    const { createHash } = process.getBuiltinModule('node:crypto');
    digest = (given) => createHash('sha256').update(given, 'utf8').digest('hex');
  }
  return digest(text);
}
