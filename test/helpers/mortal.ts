/**
 * A process that dies at one of its calls: the call, and every later one, does not return before {@link bury}, and
 * nothing that it has registered is called any more.
 */
export class Mortal {
  calls = 0;
  isDead = false;
  readonly #diesAt: number;
  readonly #when: 'before' | 'after';
  readonly #died: () => void;
  readonly #grave = Promise.withResolvers<never>();

  /** @param diesAt number of the call, from 1; 0: it does not die */
  constructor(diesAt: number, when: 'before' | 'after', died: () => void) {
    this.#diesAt = diesAt;
    this.#when = when;
    this.#died = died;
    this.#grave.promise.catch(() => {});
  }

  /** Ends its calls, so that nothing of it holds the test up. */
  bury(): void {
    this.isDead = true;
    this.#grave.reject(new Error('this process is dead'));
  }

  /** @param names its asynchronous methods */
  watch<T extends object>(target: T, names: readonly (keyof T)[]): T {
    return new Proxy(target, {
      get: (of, name) => {
        const member: unknown = Reflect.get(of, name);
        if (typeof member !== 'function') return member;
        const method = member.bind(of) as (...args: unknown[]) => unknown;
        if (!names.includes(name as keyof T)) return method;
        return (...args: unknown[]) => this.#call(() => method(...args.map((arg) => this.#mute(arg))));
      },
    });
  }

  async #call(act: () => unknown): Promise<unknown> {
    if (this.isDead) return this.#grave.promise;
    this.calls += 1;
    const isLast = this.calls === this.#diesAt;
    if (isLast && this.#when === 'before') return this.#die();
    const result = await act();
    return isLast || this.isDead ? this.#die() : result;
  }

  #die(): Promise<never> {
    if (!this.isDead) {
      this.isDead = true;
      this.#died();
    }
    return this.#grave.promise;
  }

  #mute(arg: unknown): unknown {
    if (typeof arg !== 'function') return arg;
    return (...args: unknown[]) => (this.isDead ? undefined : arg(...args));
  }
}
