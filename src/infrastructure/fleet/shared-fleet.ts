import type { Fleet } from '../../application/ports/fleet.ts';

/** One connection for everything of a project that needs it, open while something does. */
export class SharedFleet {
  readonly #open: () => Promise<Fleet>;
  #opening: Promise<Fleet> | null = null;
  #users = 0;

  constructor(open: () => Promise<Fleet>) {
    this.#open = open;
  }

  /** Call {@link release} afterwards, unless this fails. @throws MaosError BACKEND_UNAVAILABLE */
  async use(): Promise<Fleet> {
    this.#users += 1;
    this.#opening ??= this.#open();
    const opening = this.#opening;
    try {
      return await opening;
    } catch (error) {
      this.#users -= 1;
      if (this.#opening === opening) this.#opening = null;
      throw error;
    }
  }

  release(): void {
    this.#users -= 1;
    const opened = this.#opening;
    if (this.#users > 0 || opened === null) return;
    this.#opening = null;
    // A connection that cannot be closed in order is closed by the end of this process.
    opened.then((fleet) => fleet.close()).catch(() => {});
  }
}
