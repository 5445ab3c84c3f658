import type { Journal, PermissionSubject } from './journal.ts';

interface Open {
  /** The id of the program's own request. */
  readonly id: unknown;
  /** @param isAllowed null: the request is cancelled */
  settle(isAllowed: boolean | null): void;
}

/**
 * The permission requests that wait for an answer from MAOS. Their keys are numbers of the bridge's own, because
 * programs may use the same id twice.
 */
export class OpenPermissions {
  readonly #journal: Journal;
  readonly #open = new Map<string, Open>();
  #asked = 0;
  #isClosed = false;

  constructor(journal: Journal) {
    this.#journal = journal;
  }

  get isAnyOpen(): boolean {
    return this.#open.size > 0;
  }

  /** Settles with whether it is allowed; null: the request is cancelled. */
  ask(id: unknown, subject: PermissionSubject): Promise<boolean | null> {
    if (this.#isClosed) return Promise.resolve(false);
    this.#asked += 1;
    const key = String(this.#asked);
    this.#journal.asked(key, subject);
    return new Promise((settle) => this.#open.set(key, { id, settle }));
  }

  /** Ignores answers to requests that are not open. */
  answer(key: string, isAllowed: boolean): void {
    this.#open.get(key)?.settle(isAllowed);
    this.#open.delete(key);
  }

  /** The program no longer waits for the answer. */
  cancel(id: unknown): void {
    this.#withdraw((open) => open.id === id);
  }

  /** The turn is over, or is to end. */
  cancelAll(): void {
    this.#withdraw(() => true);
  }

  /** No answer can come any more: this denies what is open, and what is requested from now on. */
  close(): void {
    this.#isClosed = true;
    for (const key of this.#open.keys()) this.answer(key, false);
  }

  #withdraw(isMeant: (open: Open) => boolean): void {
    for (const [key, open] of this.#open) {
      if (!isMeant(open)) continue;
      this.#open.delete(key);
      this.#journal.withdrawn(key);
      open.settle(null);
    }
  }
}
