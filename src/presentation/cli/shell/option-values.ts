/** A value of a repeatable option with its place among all of them on the command line. */
export interface ListedValue {
  readonly option: string;
  readonly value: string;
  readonly place: number;
}

/** The options given to a command, by long name without dashes: `max-concurrency`. */
export class OptionValues {
  readonly #values: ReadonlyMap<string, unknown>;

  /** @param values a flag's is true, a list's is ListedValue[] */
  constructor(values: ReadonlyMap<string, unknown>) {
    this.#values = values;
  }

  flag(name: string): boolean {
    return this.#values.get(name) === true;
  }

  text(name: string): string | undefined {
    const value = this.#values.get(name);
    return typeof value === 'string' ? value : undefined;
  }

  number(name: string): number | undefined {
    const value = this.#values.get(name);
    return typeof value === 'number' ? value : undefined;
  }

  /** The values of one or several repeatable options, in the order they were written. */
  list(...names: readonly string[]): readonly ListedValue[] {
    return names
      .flatMap((name) => (this.#values.get(name) as readonly ListedValue[] | undefined) ?? [])
      .toSorted((a, b) => a.place - b.place);
  }
}
