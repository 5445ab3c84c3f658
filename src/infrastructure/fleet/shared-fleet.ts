import type { Fleet } from '../../application/ports/fleet.ts';

/** The one connection of a project, open while something needs it. */
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
    // If closing fails, the end of this process closes the connection.
    opened.then((fleet) => fleet.close()).catch(() => {});
  }
}
