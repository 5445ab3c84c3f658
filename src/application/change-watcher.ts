import type { Clock } from './ports/clock.ts';
import type { SessionStore } from './ports/session-store.ts';

/**
 * Tells its listeners that the store may have changed: at once for changes of this process, within `intervalMs` for
 * those of others. Polls only while somebody listens, so an idle server costs nothing.
 */
export class ChangeWatcher {
  readonly #store: Pick<SessionStore, 'dataVersion'>;
  readonly #clock: Clock;
  readonly #intervalMs: number;
  readonly #listeners = new Set<() => void>();
  #seen = 0;
  #stopTimer: (() => void) | null = null;

  constructor(store: Pick<SessionStore, 'dataVersion'>, clock: Clock, intervalMs = 20) {
    this.#store = store;
    this.#clock = clock;
    this.#intervalMs = intervalMs;
  }

  /** @returns the function that ends the subscription */
  subscribe(listener: () => void): () => void {
    this.#listeners.add(listener);
    if (this.#stopTimer === null) {
      this.#seen = this.#store.dataVersion();
      this.#arm();
    }
    return () => {
      this.#listeners.delete(listener);
      if (this.#listeners.size > 0) return;
      this.#stopTimer?.();
      this.#stopTimer = null;
    };
  }

  /** This process has written. */
  notify(): void {
    for (const listener of [...this.#listeners]) listener();
  }

  #look(): boolean {
    try {
      const version = this.#store.dataVersion();
      const changed = version !== this.#seen;
      this.#seen = version;
      return changed;
    } catch {
      // An error of the store must not end the program from a timer: the next use of the store reports it.
      return false;
    }
  }

  #arm(): void {
    this.#stopTimer = this.#clock.after(this.#intervalMs, () => {
      const changed = this.#look();
      if (this.#listeners.size > 0) this.#arm();
      if (changed) this.notify();
    });
  }
}
