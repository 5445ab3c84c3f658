import { createHash } from 'node:crypto';
import type { RunIdentity } from '../../../application/ports/backend.ts';

/**
 * The conversation id of a run. Copilot prints it only in its last line, which an interrupted run lacks. So MAOS
 * assigns an id, derived from what every MAOS knows about the run, even one that adopts it.
 */
export function conversationOf({ id, attempt, resumed }: RunIdentity): string {
  return resumed ?? uuidOf(`${id}/${attempt}`);
}

/** A UUID of version 8, whose bits have no defined meaning (RFC 9562, section 5.8). */
function uuidOf(text: string): string {
  const hex = createHash('sha256').update(text).digest('hex');
  const variant = '89ab'[Number.parseInt(hex.charAt(16), 16) % 4];
  return [
    hex.slice(0, 8),
    hex.slice(8, 12),
    `8${hex.slice(13, 16)}`,
    `${variant}${hex.slice(17, 20)}`,
    hex.slice(20, 32),
  ].join('-');
}
