import type { Runtime } from '../../../application/runtime.ts';
import { isId, isJson } from './json-rpc.ts';

/** Receives every message of one connection. */
export interface MessageTrace {
  /**
   * @param text the received text
   * @param message the parsed text; omitted if it is not JSON
   */
  received(text: string, message?: unknown): void;
  /** @param text the sent text */
  sent(text: string, message: unknown): void;
}

/** Maximum characters in the field `body`; a larger message is cut and logged as text. */
export const largestBody = 16 * 1024;

/** Maximum characters of a logged id or method. */
const longestName = 200;

/** Maximum number of tracked requests per side. The response to a forgotten one is logged without a duration. */
const mostWaiting = 10_000;

/**
 * Logs every protocol message of a connection, to find out what a client and MAOS said to each other. Created only at
 * log level `trace` (`MAOS_LOG=trace`), so it costs nothing otherwise. Independent of the transport; one trace per
 * connection.
 *
 * Each message is a record `mcp message` at level `trace` with
 * - `direction`: `in` (from the client) or `out`
 * - `kind`: `request`, `response`, `notification`, or `other` for an invalid message
 * - `method`, `id`, and `errorCode` of an error, if present
 * - `durationMs` of a response in either direction, since its request
 * - `bytes` of the text
 * - `body`: the message; one of more than 16 KB as text of that length, with `leftOut`: how many characters were cut.
 *   Text that is not JSON is logged as text too
 *
 * The log replaces secrets: values under names such as `api_key`, at any depth and in JSON within strings, and anything
 * that looks like a provider's key.
 *
 * @param now a monotonic clock, in milliseconds
 */
export function traceMessages(log: Pick<Runtime, 'log'>, now = () => performance.now()): MessageTrace {
  /** When requests were received and sent, by id. */
  const asked = { in: new Map<unknown, number>(), out: new Map<unknown, number>() };

  const record = (direction: 'in' | 'out', text: string, message: unknown): void => {
    const at = now();
    const facts = isJson(message) ? factsOf(message) : { kind: 'other' };
    const { kind, id } = facts;
    let durationMs: number | undefined;
    if (kind === 'request') remember(asked[direction], id, at);
    if (kind === 'response') {
      const requests = asked[direction === 'in' ? 'out' : 'in'];
      const since = requests.get(id);
      if (since !== undefined) durationMs = Math.round((at - since) * 1_000) / 1_000;
      requests.delete(id);
    }
    const isLarge = text.length > largestBody;
    const whole = message === undefined ? text : message;
    log.log('trace', 'mcp message', {
      direction,
      ...facts,
      id: typeof id === 'string' ? id.slice(0, longestName) : id,
      durationMs,
      bytes: Buffer.byteLength(text),
      body: isLarge ? text.slice(0, largestBody) : whole,
      leftOut: isLarge ? text.length - largestBody : undefined,
    });
  };
  return {
    received: (text, message) => record('in', text, message),
    sent: (text, message) => record('out', text, message),
  };
}

interface Facts {
  readonly kind: string;
  readonly method?: string;
  readonly id?: unknown;
  readonly errorCode?: unknown;
}

function factsOf({ method, id, result, error }: Readonly<Record<string, unknown>>): Facts {
  if (typeof method === 'string') {
    const name = method.slice(0, longestName);
    return isId(id) ? { kind: 'request', method: name, id } : { kind: 'notification', method: name };
  }
  if (result === undefined && error === undefined) return { kind: 'other' };
  const errorCode = isJson(error) ? { errorCode: error.code } : {};
  return { kind: 'response', ...(isId(id) ? { id } : {}), ...errorCode };
}

function remember(requests: Map<unknown, number>, id: unknown, at: number): void {
  requests.set(id, at);
  if (requests.size <= mostWaiting) return;
  // The oldest, because a Map keeps insertion order.
  for (const oldest of requests.keys()) {
    requests.delete(oldest);
    break;
  }
}
