/** Runs tasks of the same key one after another, in the order they were given; keys do not wait for each other. */
export class Serial<Key> {
  readonly #tails = new Map<Key, Promise<unknown>>();

  /** Settles as the task does. A failed task does not keep the next from running. */
  run<T>(key: Key, task: () => Promise<T>): Promise<T> {
    const before = this.#tails.get(key) ?? Promise.resolve();
    const result = before.then(task);
    // The caller hears of the failure through `result`; here only the end counts.
    const tail: Promise<unknown> = result
      .catch(() => undefined)
      .then(() => {
        if (this.#tails.get(key) === tail) this.#tails.delete(key);
      });
    this.#tails.set(key, tail);
    return result;
  }
}
