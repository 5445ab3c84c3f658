import type { Clock } from './ports/clock.ts';
import type { SessionStore } from './ports/session-store.ts';

/**
 * Reports writes to the store by any process, including this one, until it calls `onLost`. Null where the system does
 * not report writes.
 */
export type WatchStore = (onWrite: () => void, onLost: () => void) => (() => void) | null;

export interface ChangeWatcherOptions {
  /** The polling interval where writes are not reported, and the shortest time between two checks where they are. */
  readonly intervalMs?: number;
  readonly watchStore?: WatchStore;
}

/** The polling interval where writes are reported, in case that one was not. */
const toldIntervalMs = 250;
/** Shortest delay between the first of several writes and the check. */
const gatherMs = 2;

/**
 * Notifies its listeners that the store may have changed: at once for changes of this process, within about 20 ms for
 * those of others. Polls only while there are listeners, so that an idle server uses no CPU, and rarely where writes
 * are reported, because 50 checks per second take 1 % of a processor.
 */
export class ChangeWatcher {
  readonly #store: Pick<SessionStore, 'dataVersion'>;
  readonly #clock: Clock;
  readonly #intervalMs: number;
  readonly #watchStore: WatchStore;
  readonly #listeners = new Set<() => void>();
  #seen = 0;
  #lookedAt = Number.NEGATIVE_INFINITY;
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
    // Writes before the watch began are not reported.
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
    this.#lookedAt = this.#clock.elapsedMs();
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
    if (this.#stopGathering !== null) return;
    const sinceLook = this.#clock.elapsedMs() - this.#lookedAt;
    this.#stopGathering = this.#clock.after(Math.max(gatherMs, this.#intervalMs - sinceLook), () => {
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
