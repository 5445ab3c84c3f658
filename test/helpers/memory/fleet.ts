import { createHash } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import type { OutputStream } from '../../../src/application/ports/agent-disk.ts';
import {
  type AttemptKey,
  type AttemptListener,
  type Fleet,
  factName,
  type HostFact,
  type HostReport,
  type Offer,
  type OfferTerms,
  type StoredClaim,
  type TakenOffer,
  type Wish,
} from '../../../src/application/ports/fleet.ts';
import { MaosError } from '../../../src/domain/errors.ts';

interface Queued {
  readonly offer: Offer;
  readonly home: string | null;
  readonly terms: OfferTerms | null;
  isTaken: boolean;
}

interface Attempt {
  claim: StoredClaim | null;
  wish: Wish | null;
  readonly output: { readonly stream: OutputStream; readonly offset: number; readonly bytes: Uint8Array }[];
  readonly facts: HostFact[];
  readonly listeners: Set<AttemptListener>;
  readonly wishListeners: Set<(wish: Wish) => void>;
}

const textOf = ({ project, sessionId, agentId, attempt }: AttemptKey): string =>
  `${project}.${sessionId}.${agentId}.${attempt}`;

/** An engine in memory, which homes and hosts of one process share. */
export class MemoryFleet implements Fleet {
  /** Whoever offers now. */
  home: string | null = null;
  readonly #queue: Queued[] = [];
  readonly #attempts = new Map<string, Attempt>();
  readonly #hosts = new Map<string, HostReport>();
  readonly #beats = new Map<string, string>();
  readonly #blobs = new Map<string, Uint8Array>();
  #revisions = 0;
  #woken: (() => void)[] = [];
  readonly #era: string;

  constructor(era = 'first') {
    this.#era = era;
  }

  async era(): Promise<string> {
    return this.#era;
  }

  async offer(offer: Offer, terms: OfferTerms | null = null): Promise<void> {
    const nameOf = (one: Pick<Queued, 'offer' | 'terms'>): string =>
      JSON.stringify([one.offer.key, one.terms]);
    if (this.#queue.some((queued) => nameOf(queued) === nameOf({ offer, terms }))) return;
    this.#queue.push({ offer, terms, home: this.home, isTaken: false });
    this.#wake();
  }

  async take(pool: string, waitMs: number, signal: AbortSignal): Promise<TakenOffer | null> {
    const until = Date.now() + waitMs;
    while (!signal.aborted) {
      const queued = this.#queue.find(({ offer, isTaken }) => offer.pool === pool && !isTaken);
      if (queued !== undefined) return this.#taken(queued);
      if (Date.now() >= until) break;
      await this.#somethingOr(AbortSignal.any([signal, AbortSignal.timeout(until - Date.now())]));
    }
    return null;
  }

  /** As if the host that took offers had not accepted them in time. */
  deliverAgain(): void {
    for (const queued of this.#queue) queued.isTaken = false;
    this.#wake();
  }

  /** Offers that nobody has accepted. */
  get queued(): number {
    return this.#queue.length;
  }

  get hasClaims(): boolean {
    return [...this.#attempts.values()].some(({ claim }) => claim !== null);
  }

  /** As if no host had beaten for long. */
  forgetBeats(): void {
    this.#beats.clear();
  }

  async claim(key: AttemptKey, claim: StoredClaim['claim']): Promise<number | null> {
    return this.#counting(key) === null ? this.#store(key, claim) : null;
  }

  async unclaim(key: AttemptKey, revision: number): Promise<void> {
    const attempt = this.#attempt(key);
    if (attempt.claim?.revision === revision) attempt.claim = null;
  }

  async renew(key: AttemptKey, claim: StoredClaim['claim'], revision: number): Promise<number | null> {
    return this.#attempt(key).claim?.revision === revision ? this.#store(key, claim) : null;
  }

  async claimOf(key: AttemptKey): Promise<StoredClaim | null> {
    return this.#counting(key);
  }

  #counting(key: AttemptKey): StoredClaim | null {
    const attempt = this.#attempt(key);
    if (attempt.claim !== null && !this.#counts(attempt.claim)) attempt.claim = null;
    return attempt.claim;
  }

  #counts({ claim }: StoredClaim): boolean {
    return claim.era === undefined || claim.era === this.#era;
  }

  async desire(key: AttemptKey, wish: Wish): Promise<void> {
    const attempt = this.#attempt(key);
    if (attempt.wish !== null && attempt.wish.number >= wish.number) return;
    attempt.wish = wish;
    for (const listener of attempt.wishListeners) listener(wish);
  }

  async desired(key: AttemptKey): Promise<Wish | null> {
    return this.#attempt(key).wish;
  }

  async wishes(key: AttemptKey, listener: (wish: Wish) => void): Promise<() => void> {
    const { wish, wishListeners } = this.#attempt(key);
    wishListeners.add(listener);
    if (wish !== null) listener(wish);
    return () => wishListeners.delete(listener);
  }

  async announce(host: HostReport): Promise<void> {
    this.#hosts.set(host.name, host);
  }

  async hosts(): Promise<readonly HostReport[]> {
    return [...this.#hosts.values()];
  }

  async beat(host: string, incarnation: string, era: string): Promise<void> {
    this.#beats.set(`${host}.${incarnation}`, era);
  }

  async lastBeat(host: string, incarnation: string): Promise<string | null> {
    return this.#beats.get(`${host}.${incarnation}`) ?? null;
  }

  async append(key: AttemptKey, stream: OutputStream, offset: number, bytes: Uint8Array): Promise<void> {
    const { output, listeners } = this.#attempt(key);
    const end = await this.appended(key, stream);
    if (offset + bytes.length <= end) return;
    if (offset !== end) throw new Error(`The engine has this output up to byte ${end}.`);
    output.push({ stream, offset, bytes: Uint8Array.from(bytes) });
    for (const listener of listeners) listener.output(stream, offset, bytes);
  }

  async appended(key: AttemptKey, stream: OutputStream): Promise<number> {
    const last = this.#attempt(key).output.findLast((piece) => piece.stream === stream);
    return last === undefined ? 0 : last.offset + last.bytes.length;
  }

  async tell(key: AttemptKey, fact: HostFact): Promise<void> {
    const { facts, listeners } = this.#attempt(key);
    if (facts.some((told) => factName(told) === factName(fact))) return;
    facts.push(fact);
    for (const listener of listeners) listener.fact(fact);
  }

  async follow(key: AttemptKey, listener: AttemptListener): Promise<() => void> {
    const { claim, output, facts, listeners } = this.#attempt(key);
    listeners.add(listener);
    if (claim !== null && this.#counts(claim)) listener.claim(claim);
    for (const { stream, offset, bytes } of output) listener.output(stream, offset, bytes);
    for (const fact of facts) listener.fact(fact);
    return () => listeners.delete(listener);
  }

  async put(name: string, content: Uint8Array) {
    this.#blobs.set(name, Uint8Array.from(content));
    return { name, sha256: createHash('sha256').update(content).digest('hex') };
  }

  async putFile(name: string, path: string) {
    return this.put(name, await readFile(path));
  }

  async getFile(blob: { name: string; sha256: string }, path: string): Promise<void> {
    await writeFile(path, await this.get(blob));
  }

  async has(name: string): Promise<boolean> {
    return this.#blobs.has(name);
  }

  async get({ name, sha256 }: { name: string; sha256: string }): Promise<Uint8Array> {
    const content = this.#blobs.get(name);
    if (content !== undefined && createHash('sha256').update(content).digest('hex') === sha256)
      return content;
    throw new MaosError('INVALID_INPUT', `There is no blob ${name} with this content.`);
  }

  async forgetSession({ project, sessionId }: Pick<AttemptKey, 'project' | 'sessionId'>): Promise<void> {
    for (const [name, { output, facts }] of this.#attempts) {
      if (!name.includes(sessionId)) continue;
      output.length = 0;
      facts.length = 0;
    }
    for (const name of this.#blobs.keys())
      if (name.startsWith(`${project}.${sessionId}.`)) this.#blobs.delete(name);
  }

  async forget(key: AttemptKey): Promise<void> {
    const attempt = this.#attempt(key);
    attempt.output.length = 0;
    attempt.facts.length = 0;
    attempt.wish = null;
  }

  async close(): Promise<void> {}

  #taken(queued: Queued): TakenOffer {
    queued.isTaken = true;
    return {
      ...{ ...queued.offer, terms: queued.terms, home: queued.home },
      accept: async () => {
        const index = this.#queue.indexOf(queued);
        if (index >= 0) this.#queue.splice(index, 1);
      },
      giveBack: async () => {
        queued.isTaken = false;
        this.#wake();
      },
    };
  }

  #attempt(key: AttemptKey): Attempt {
    const known = this.#attempts.get(textOf(key));
    if (known !== undefined) return known;
    const made = { claim: null, wish: null, output: [], facts: [], listeners: new Set<AttemptListener>() };
    const attempt: Attempt = { ...made, wishListeners: new Set() };
    this.#attempts.set(textOf(key), attempt);
    return attempt;
  }

  #store(key: AttemptKey, claim: StoredClaim['claim']): number {
    this.#revisions += 1;
    const stored = { claim, revision: this.#revisions };
    const attempt = this.#attempt(key);
    attempt.claim = stored;
    if (this.#counts(stored)) for (const listener of attempt.listeners) listener.claim(stored);
    return stored.revision;
  }

  #wake(): void {
    for (const wake of this.#woken.splice(0)) wake();
  }

  #somethingOr(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      signal.addEventListener('abort', () => resolve(), { once: true });
      this.#woken.push(resolve);
    });
  }
}
