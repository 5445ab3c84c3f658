import type { TestContext } from 'node:test';

/** A place where work stands still until the test lets it go on; at the latest when the test ends. */
export class Hold {
  readonly #arrived = Promise.withResolvers<void>();
  readonly #released = Promise.withResolvers<void>();
  #isReleased = false;

  /** To be made before what the test has to close: what is held may keep that from coming to its end. */
  constructor(t: TestContext) {
    t.after(() => this.release());
  }

  /** For the work. */
  async pass(): Promise<void> {
    this.#arrived.resolve();
    await this.#released.promise;
  }

  /** Settles when somebody is held, or was. */
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
