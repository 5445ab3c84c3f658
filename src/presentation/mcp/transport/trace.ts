import type { Runtime } from '../../../application/runtime.ts';
import { isId, isJson } from './json-rpc.ts';

/** Is shown every message of one connection. */
export interface MessageTrace {
  /**
   * @param text as it came
   * @param message the same, parsed; left out when it is no JSON
   */
  received(text: string, message?: unknown): void;
  /** @param text as it leaves */
  sent(text: string, message: unknown): void;
}

/** The field `body` holds a larger message only up to here, as a text. */
export const largestBody = 16 * 1024;

/** Nor does a longer id or name of a method say more. */
const longestName = 200;

/** Requests of one side waiting for their answers. One that is forgotten is answered without a duration. */
const mostWaiting = 10_000;

/**
 * Writes every protocol message of a connection into the log, for whoever has to find out what a client and MAOS said
 * to each other. Only made when the log takes `trace` (`MAOS_LOG=trace`): otherwise there is nothing in a message's way.
 * It knows messages, not how they travel, so every transport can use it; one trace per connection.
 *
 * One record `mcp message` for each, at level `trace`, with
 * - `direction`: `in` (from the client) or `out`
 * - `kind`: `request`, `response`, `notification`, or `other` for what is no message
 * - `method`, `id`, and of an error `errorCode`, where there are any
 * - `durationMs`, of a response: since the request it answers, in either direction
 * - `bytes` of the text
 * - `body`: the message; one of more than 16 KB as a text of that length, and `leftOut`: how many characters follow.
 *   What is no JSON is a text as well
 *
 * The log replaces secrets in it: what stands under a name such as `api_key`, however deep and also in JSON inside a
 * text, and whatever looks like a key of a provider.
 *
 * @param now milliseconds of a clock that never jumps
 */
export function traceMessages(log: Pick<Runtime, 'log'>, now = () => performance.now()): MessageTrace {
  /** When requests came, and when they were sent, by their id. */
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
  // The oldest: a map keeps the order in which keys came.
  for (const oldest of requests.keys()) {
    requests.delete(oldest);
    break;
  }
}
