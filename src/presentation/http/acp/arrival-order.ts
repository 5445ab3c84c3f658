/** The position of a request among those that arrived with it. */
export interface Arrival {
  /** Its session is known now. Settles when it is its turn: when those of the session that arrived before are done with. */
  turn(session: string): Promise<void>;
  /** The request is finished: later requests no longer wait for it. Safe to repeat. */
  leave(): void;
}

interface Waiting {
  session: string | null;
  readonly known: PromiseWithResolvers<void>;
  readonly done: PromiseWithResolvers<void>;
}

/**
 * Problem: which session a request is for stands in its body, and a body may come more slowly than that of a request that
 * arrived later. Taken as they can be read, two messages of one conversation would change places.
 *
 * Solution: a request has its place when it arrives. One that names a session waits for the bodies of those before it,
 * and then for those of the same session; after a while, whoever has not sent a whole body has lost the place.
 */
export class ArrivalOrder {
  readonly #patienceMs: number;
  /** In the order in which they arrived. */
  readonly #present = new Set<Waiting>();

  /** @param patienceMs how long the bodies of others are waited for */
  constructor(patienceMs: number) {
    this.#patienceMs = patienceMs;
  }

  arrive(): Arrival {
    const own: Waiting = { session: null, known: Promise.withResolvers(), done: Promise.withResolvers() };
    this.#present.add(own);
    return {
      turn: (session) => this.#turnOf(own, session),
      leave: () => {
        this.#present.delete(own);
        own.known.resolve();
        own.done.resolve();
      },
    };
  }

  async #turnOf(own: Waiting, session: string): Promise<void> {
    own.session = session;
    own.known.resolve();
    const present = [...this.#present];
    const before = present.slice(0, present.indexOf(own));
    const isKnown = Promise.all(before.map(({ known }) => known.promise));
    const timeUp = Promise.withResolvers<void>();
    const timer = setTimeout(timeUp.resolve, this.#patienceMs);
    await Promise.race([isKnown, timeUp.promise]);
    clearTimeout(timer);
    await Promise.all(before.map(async (one) => (one.session === session ? one.done.promise : undefined)));
  }
}
