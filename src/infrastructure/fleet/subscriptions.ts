/** Opens something that follows a server. @returns a function that ends it */
export type OpenSubscription = () => Promise<() => void>;

/**
 * The subscriptions of a connection. They are opened again after a reconnection, because the server may have lost
 * them.
 */
export class Subscriptions {
  readonly #all = new Set<Subscription>();

  /** @returns a function that ends it */
  async add(open: OpenSubscription): Promise<() => void> {
    const subscription = new Subscription(open);
    await subscription.renew();
    this.#all.add(subscription);
    return () => {
      this.#all.delete(subscription);
      subscription.end();
    };
  }

  async renew(): Promise<void> {
    await Promise.all([...this.#all].map((subscription) => subscription.renew()));
  }
}

class Subscription {
  readonly #open: OpenSubscription;
  #stop = (): void => {};
  #isOver = false;

  constructor(open: OpenSubscription) {
    this.#open = open;
  }

  async renew(): Promise<void> {
    this.#stop();
    this.#stop = () => {};
    const stop = await this.#open();
    if (this.#isOver) stop();
    else this.#stop = stop;
  }

  end(): void {
    this.#isOver = true;
    this.#stop();
  }
}
