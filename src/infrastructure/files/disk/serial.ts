/** Runs tasks with the same key one after the other, in call order. Different keys do not wait for each other. */
export class Serial<Key> {
  readonly #tails = new Map<Key, Promise<unknown>>();

  /** Settles like the task. A failed task does not stop the next one. */
  run<T>(key: Key, task: () => Promise<T>): Promise<T> {
    const before = this.#tails.get(key) ?? Promise.resolve();
    const result = before.then(task);
    // The caller receives the error through `result`.
    const tail: Promise<unknown> = result
      .catch(() => undefined)
      .then(() => {
        if (this.#tails.get(key) === tail) this.#tails.delete(key);
      });
    this.#tails.set(key, tail);
    return result;
  }
}
