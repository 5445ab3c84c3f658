import type {
  AttemptClaim,
  AttemptKey,
  AttemptListener,
  Fleet,
  Offer,
  OfferTerms,
  TakenOffer,
  Wish,
} from '../../src/application/ports/fleet.ts';
import { MemoryFleet } from '../helpers/memory/fleet.ts';
import type { Random } from '../helpers/random.ts';
import type { Life } from './life.ts';
import type { Time } from './time.ts';

/** How bad a network is: chances in a thousand, for each message. */
export interface Weather {
  readonly lost: number;
  readonly slow: number;
  readonly repeated: number;
}

const beatTtlMs = 15_000;
const ackWaitMs = 30_000;
const timeoutMs = 5_000;
const duplicateWindowMs = 120_000;
const never = new AbortController().signal;

/** The server that homes and hosts share. What it has stored outlives a kill, and not a wipe. */
export class Engine {
  stored = new MemoryFleet();
  isUp = true;
  /** Until when its queues deliver nothing, although there is something. */
  stuckUntilMs = 0;
  readonly time: Time;
  readonly random: Random;
  readonly weather: Weather;
  readonly subscriptions = new Set<Subscription>();
  readonly #beats = new Map<string, { readonly at: number; readonly era: string }>();
  wipes = 0;
  wipedAtMs = Number.NEGATIVE_INFINITY;
  #offered = new Map<string, number>();

  constructor(time: Time, random: Random, weather: Weather) {
    this.time = time;
    this.random = random;
    this.weather = weather;
  }

  beat(name: string, era: string): void {
    this.#beats.set(name, { at: this.time.nowMs, era });
  }

  lastBeat(name: string): string | null {
    const last = this.#beats.get(name);
    return last !== undefined && this.time.nowMs - last.at < beatTtlMs ? last.era : null;
  }

  /** Ignores what it has been sent not long ago, also if it is off the queue by now. */
  async offer(offer: Offer, terms?: OfferTerms): Promise<void> {
    const name = JSON.stringify([offer.key, terms]);
    const last = this.#offered.get(name);
    if (last !== undefined && this.time.nowMs - last < duplicateWindowMs) return;
    this.#offered.set(name, this.time.nowMs);
    await this.stored.offer(offer, terms);
  }

  /** What it delivers comes again when it is not accepted in time. */
  async take(pool: string): Promise<TakenOffer | null> {
    if (this.time.nowMs < this.stuckUntilMs) return null;
    const { stored } = this;
    const taken = await stored.take(pool, 0, never);
    if (taken !== null) this.time.after(ackWaitMs, () => void taken.giveBack(0));
    return taken;
  }

  /** As kill -9. */
  kill(): void {
    this.isUp = false;
  }

  restart(): void {
    this.isUp = true;
    for (const subscription of this.subscriptions) subscription.renew();
  }

  /** Its data folder is lost. */
  wipe(): void {
    this.wipes += 1;
    this.wipedAtMs = this.time.nowMs;
    this.stored = new MemoryFleet(`after wipe ${this.wipes}`);
    this.#beats.clear();
    this.#offered = new Map();
  }
}

/** Follows something for a client; after a reconnection, from the beginning. */
class Subscription {
  readonly #open: (isCurrent: () => boolean) => Promise<() => void>;
  #stop = (): void => {};
  #number = 0;

  constructor(open: (isCurrent: () => boolean) => Promise<() => void>) {
    this.#open = open;
  }

  renew(): void {
    this.stop();
    const number = this.#number;
    void this.#open(() => number === this.#number).then((stop) => {
      if (number === this.#number) this.#stop = stop;
      else stop();
    });
  }

  stop(): void {
    this.#number += 1;
    this.#stop();
    this.#stop = () => {};
  }
}

/** The connection of one process to the engine. */
export class Link {
  isCut = false;
  readonly #engine: Engine;
  readonly #life: Life;
  readonly #subscriptions = new Set<Subscription>();

  constructor(engine: Engine, life: Life) {
    this.#engine = engine;
    this.#life = life;
  }

  cut(): void {
    this.isCut = true;
  }

  mend(): void {
    this.isCut = false;
    for (const subscription of this.#subscriptions) subscription.renew();
  }

  fleet(): Fleet {
    const engine = this.#engine;
    const call = <T>(act: (stored: MemoryFleet) => Promise<T>): Promise<T> =>
      this.#call(() => act(engine.stored));
    return {
      home: null,
      era: () => call((stored) => stored.era()),
      offer: (offer, terms) => this.#call(() => engine.offer(offer, terms)),
      take: (pool, waitMs, signal) => this.#take(pool, waitMs, signal),
      claim: (key: AttemptKey, claim: AttemptClaim) => call((stored) => stored.claim(key, claim)),
      renew: (key, claim, revision) => call((stored) => stored.renew(key, claim, revision)),
      unclaim: (key, revision) => call((stored) => stored.unclaim(key, revision)),
      claimOf: (key) => call((stored) => stored.claimOf(key)),
      desire: (key, wish) => call((stored) => stored.desire(key, wish)),
      desired: (key) => call((stored) => stored.desired(key)),
      wishes: (key, listener) => this.#wishes(key, listener),
      announce: (host) => call((stored) => stored.announce(host)),
      hosts: () => call((stored) => stored.hosts()),
      beat: (host, incarnation, era) => this.#call(async () => engine.beat(`${host}.${incarnation}`, era)),
      lastBeat: (host, incarnation) => this.#call(async () => engine.lastBeat(`${host}.${incarnation}`)),
      append: (key, stream, offset, bytes) => call((stored) => stored.append(key, stream, offset, bytes)),
      appended: (key, stream) => call((stored) => stored.appended(key, stream)),
      tell: (key, fact) => call((stored) => stored.tell(key, fact)),
      follow: (key, listener) => this.#follow(key, listener),
      put: (name, content) => call((stored) => stored.put(name, content)),
      putFile: (name, path) => call((stored) => stored.putFile(name, path)),
      getFile: (blob, path) => call((stored) => stored.getFile(blob, path)),
      has: (blob) => call((stored) => stored.has(blob)),
      get: (blob) => call((stored) => stored.get(blob)),
      forget: (key) => call((stored) => stored.forget(key)),
      forgetSession: (session) => call((stored) => stored.forgetSession(session)),
      close: async () => {},
    };
  }

  /** Its process is dead, so the server drops it. */
  close(): void {
    for (const subscription of this.#subscriptions) this.#drop(subscription);
  }

  get #isOpen(): boolean {
    return !this.isCut && this.#engine.isUp;
  }

  /** A message takes its time, or never arrives. */
  #latency(): number {
    const { random, weather } = this.#engine;
    return 1 + random(10) + (random(1_000) < weather.slow ? random(2_000) : 0);
  }

  #isLost(): boolean {
    const { random, weather } = this.#engine;
    return !this.#isOpen || random(1_000) < weather.lost;
  }

  /** A request and its answer, of which each may get lost; then the caller only knows that nothing came in time. */
  #call<T>(act: () => Promise<T>): Promise<T> {
    const { time, random, weather } = this.#engine;
    return new Promise((resolve, reject) => {
      const late = time.after(timeoutMs, () => reject(new Error('TIMEOUT')));
      const send = (isAnswered: boolean): void => {
        time.after(this.#latency(), () => {
          if (this.#isLost()) return;
          act().then(
            (value) => this.#answer(isAnswered, late, () => resolve(value)),
            (error: unknown) => this.#answer(isAnswered, late, () => reject(error)),
          );
        });
      };
      send(true);
      if (random(1_000) < weather.repeated) send(random(2) === 0);
    });
  }

  #answer(isAnswered: boolean, late: () => void, give: () => void): void {
    if (!isAnswered) return;
    this.#engine.time.after(this.#latency(), () => {
      if (this.#isLost()) return;
      late();
      give();
    });
  }

  async #take(pool: string, waitMs: number, signal: AbortSignal): Promise<TakenOffer | null> {
    const { time } = this.#engine;
    const until = time.nowMs + waitMs;
    for (;;) {
      const taken = await this.#call(() => this.#engine.take(pool));
      if (taken !== null) {
        return {
          ...taken,
          accept: () => this.#life.call(() => this.#call(() => taken.accept())),
          giveBack: (delayMs) => this.#life.call(() => this.#call(() => taken.giveBack(delayMs))),
        };
      }
      if (signal.aborted || time.nowMs >= until) return null;
      await new Promise<void>((resolve) => void time.after(500, resolve));
    }
  }

  async #wishes(key: AttemptKey, listener: (wish: Wish) => void): Promise<() => void> {
    return this.#subscribe((isCurrent) => {
      const deliver = this.#channel(isCurrent);
      return this.#engine.stored.wishes(key, (wish) => deliver(() => listener(wish)));
    });
  }

  async #follow(key: AttemptKey, listener: AttemptListener): Promise<() => void> {
    return this.#subscribe((isCurrent) => {
      const claims = this.#channel(isCurrent);
      const output = this.#channel(isCurrent);
      const facts = this.#channel(isCurrent);
      return this.#engine.stored.follow(key, {
        claim: (stored) => claims(() => listener.claim(stored)),
        output: (stream, offset, bytes) => output(() => listener.output(stream, offset, bytes)),
        fact: (fact) => facts(() => listener.fact(fact)),
      });
    });
  }

  async #subscribe(open: (isCurrent: () => boolean) => Promise<() => void>): Promise<() => void> {
    const subscription = new Subscription(open);
    await this.#call(async () => {
      if (this.#subscriptions.has(subscription)) return;
      this.#subscriptions.add(subscription);
      this.#engine.subscriptions.add(subscription);
      subscription.renew();
    });
    return () => this.#drop(subscription);
  }

  #drop(subscription: Subscription): void {
    subscription.stop();
    this.#subscriptions.delete(subscription);
    this.#engine.subscriptions.delete(subscription);
  }

  /** Delivers in order, each at its time. What is not delivered while the connection is cut comes with the renewal. */
  #channel(isCurrent: () => boolean): (deliver: () => void) => void {
    const { time } = this.#engine;
    let last = 0;
    return (deliver) => {
      last = Math.max(last, time.nowMs + this.#latency());
      time.after(last - time.nowMs, () => {
        if (isCurrent() && this.#isOpen) this.#life.enter(deliver);
      });
    };
  }
}
