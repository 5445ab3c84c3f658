import type { Clock } from './ports/clock.ts';
import type { SessionStore } from './ports/session-store.ts';

/** Tells of writes to the store, also those of this process, until it calls `onLost`. Null where that cannot be told. */
export type WatchStore = (onWrite: () => void, onLost: () => void) => (() => void) | null;

export interface ChangeWatcherOptions {
  /** How often to look where nobody tells of writes. */
  readonly intervalMs?: number;
  readonly watchStore?: WatchStore;
}

/** How often to look all the same: what another machine writes to a shared folder is not told. */
const toldIntervalMs = 100;
/** From the first of many writes to the look. */
const gatherMs = 5;

/**
 * Tells its listeners that the store may have changed: at once for changes of this process, within about 20 ms for those
 * of others. Looks only while somebody listens, so an idle server costs nothing, and seldom where somebody tells of
 * writes, so a waiting one costs little: fifty looks a second take a hundredth of a processor.
 */
export class ChangeWatcher {
  readonly #store: Pick<SessionStore, 'dataVersion'>;
  readonly #clock: Clock;
  readonly #intervalMs: number;
  readonly #watchStore: WatchStore;
  readonly #listeners = new Set<() => void>();
  #seen = 0;
  #stopTimer: (() => void) | null = null;
  #stopGathering: (() => void) | null = null;
  #unwatch: (() => void) | null = null;

  constructor(
    store: Pick<SessionStore, 'dataVersion'>,
    clock: Clock,
    { intervalMs = 20, watchStore = () => null }: ChangeWatcherOptions = {},
  ) {
    this.#store = store;
    this.#clock = clock;
    this.#intervalMs = intervalMs;
    this.#watchStore = watchStore;
  }

  /** @returns a function that ends the subscription */
  subscribe(listener: () => void): () => void {
    this.#listeners.add(listener);
    if (this.#stopTimer === null) this.#begin();
    return () => {
      this.#listeners.delete(listener);
      if (this.#listeners.size === 0) this.#end();
    };
  }

  /** Call when this process has written. */
  notify(): void {
    for (const listener of [...this.#listeners]) listener();
  }

  #begin(): void {
    this.#seen = this.#store.dataVersion();
    this.#unwatch = this.#watchStore(
      () => this.#gather(),
      () => {
        this.#unwatch = null;
      },
    );
    this.#arm();
    // What was written before the watch began is not told.
    if (this.#unwatch !== null) this.#gather();
  }

  #end(): void {
    this.#unwatch?.();
    this.#stopGathering?.();
    this.#stopTimer?.();
    this.#unwatch = null;
    this.#stopGathering = null;
    this.#stopTimer = null;
  }

  #look(): void {
    try {
      const version = this.#store.dataVersion();
      if (version === this.#seen) return;
      this.#seen = version;
    } catch {
      // An error of the store must not end the program from a timer: the next use of the store reports it.
      return;
    }
    this.notify();
  }

  #gather(): void {
    this.#stopGathering ??= this.#clock.after(gatherMs, () => {
      this.#stopGathering = null;
      this.#look();
    });
  }

  #arm(): void {
    const ms = this.#unwatch === null ? this.#intervalMs : toldIntervalMs;
    this.#stopTimer = this.#clock.after(ms, () => {
      this.#arm();
      this.#look();
    });
  }
}
