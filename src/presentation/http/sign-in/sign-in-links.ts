import { createHash, randomBytes } from 'node:crypto';

interface Pending {
  /** By the clock of {@link SignInLinks}. */
  readonly endsAtMs: number;
  /** What the browser shows first; null: the list of sessions. */
  readonly sessionId: string | null;
}

/** How long a link is valid. */
const linkMs = 60_000;
/** A further one replaces the oldest. */
const mostPending = 32;

/** Codes of one-time links that were not used yet. They are kept in memory only, by digest. */
export class SignInLinks {
  readonly #pending = new Map<string, Pending>();
  readonly #nowMs: () => number;

  /** @param nowMs a monotonic clock, in milliseconds */
  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  make(sessionId: string | null): { readonly code: string; readonly validMs: number } {
    const code = randomBytes(32).toString('base64url');
    for (const [digest, { endsAtMs }] of this.#pending) {
      if (endsAtMs <= this.#nowMs() || this.#pending.size >= mostPending) this.#pending.delete(digest);
    }
    this.#pending.set(digestOf(code), { endsAtMs: this.#nowMs() + linkMs, sessionId });
    return { code, validMs: linkMs };
  }

  has(code: string): boolean {
    const found = this.#pending.get(digestOf(code));
    return found !== undefined && found.endsAtMs > this.#nowMs();
  }

  /** Uses a code up. Null if it is unknown, was used or has expired. */
  take(code: string): { readonly sessionId: string | null } | null {
    const digest = digestOf(code);
    const found = this.#pending.get(digest);
    this.#pending.delete(digest);
    return found !== undefined && found.endsAtMs > this.#nowMs() ? found : null;
  }
}

/** Looking up a digest takes a time that says nothing about the codes. */
function digestOf(code: string): string {
  return createHash('sha256').update(code).digest('hex');
}
