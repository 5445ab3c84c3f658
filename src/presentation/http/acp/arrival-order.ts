/** The position of a request among those that arrived with it. */
export interface Arrival {
  /** Names the session of the request. Settles when every earlier request of that session has left. */
  turn(session: string): Promise<void>;
  /** The request is answered: later requests no longer wait for it. Safe to repeat. */
  leave(): void;
}

interface Waiting {
  session: string | null;
  readonly known: PromiseWithResolvers<void>;
  readonly done: PromiseWithResolvers<void>;
}

/**
 * Problem: the body of a request says which session it is for, and bodies do not finish in the order in which requests
 * arrive. Handled as soon as they are read, two messages of one conversation could be stored in the wrong order.
 *
 * Solution: a request takes its position on arrival. Once its own body is read, it waits for the bodies of all earlier
 * requests, and then for those of them that are for the same session to be answered. A body that takes longer than the
 * time limit loses its position.
 */
export class ArrivalOrder {
  readonly #patienceMs: number;
  /** In order of arrival. */
  readonly #present = new Set<Waiting>();

  /** @param patienceMs how long to wait for the bodies of earlier requests */
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
