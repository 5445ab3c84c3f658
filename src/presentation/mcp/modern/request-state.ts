import { createHash, createHmac, randomBytes, timingSafeEqual } from 'node:crypto';

/** How long a client may take for its answers. People answer late; the state itself permits nothing. */
const validMs = 24 * 3_600_000;

/**
 * Seals the state that a client keeps between its request and the repetition with answers, because a client could change
 * it, or use it with another request (MCP 2026-07-28, basic/patterns/mrtr). Valid in this process only.
 */
export class RequestState {
  readonly #key = randomBytes(32);
  readonly #now: () => number;

  constructor(now: () => number = Date.now) {
    this.#now = now;
  }

  /** @param request what the state belongs to; see {@link requestDigest} */
  seal(state: unknown, request: string): string {
    const payload = Buffer.from(JSON.stringify({ state, request, until: this.#now() + validMs })).toString(
      'base64url',
    );
    return `${payload}.${this.#sign(payload).toString('base64url')}`;
  }

  /** @returns the sealed state, or why it is refused */
  open(text: string, request: string): { readonly state: unknown } | { readonly problem: string } {
    const [payload = '', signature = '', ...rest] = text.split('.');
    const given = Buffer.from(signature, 'base64url');
    const wanted = this.#sign(payload);
    if (rest.length > 0 || given.length !== wanted.length || !timingSafeEqual(given, wanted)) {
      return { problem: 'is not one that this server gave' };
    }
    const sealed = JSON.parse(Buffer.from(payload, 'base64url').toString()) as {
      readonly state: unknown;
      readonly request: string;
      readonly until: number;
    };
    if (sealed.request !== request) return { problem: 'belongs to another request' };
    return sealed.until < this.#now() ? { problem: 'has expired' } : { state: sealed.state };
  }

  #sign(payload: string): Buffer {
    return createHmac('sha256', this.#key).update(payload).digest();
  }
}

/** Identifies a request by its method and parameters, without what changes when it is sent again. */
export function requestDigest(method: string, params: Readonly<Record<string, unknown>>): string {
  const { _meta, inputResponses, requestState, ...own } = params;
  return createHash('sha256')
    .update(JSON.stringify([method, own]))
    .digest('base64url');
}
