import type { TestContext } from 'node:test';

/** Blocks work until the test releases it, at the latest when the test ends. */
export class Hold {
  readonly #arrived = Promise.withResolvers<void>();
  readonly #released = Promise.withResolvers<void>();
  #isReleased = false;

  /** Create it before anything that the test must close, because blocked work may prevent that from closing. */
  constructor(t: TestContext) {
    t.after(() => this.release());
  }

  /** Called by the work. */
  async pass(): Promise<void> {
    this.#arrived.resolve();
    await this.#released.promise;
  }

  /** Settles when work has been blocked for the first time. */
  get arrived(): Promise<void> {
    return this.#arrived.promise;
  }

  get isReleased(): boolean {
    return this.#isReleased;
  }

  release(): void {
    this.#isReleased = true;
    this.#released.resolve();
  }
}
