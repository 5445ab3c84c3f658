/** A value of a repeatable option, with its position on the command line. */
export interface ListedValue {
  readonly option: string;
  readonly value: string;
  readonly place: number;
}

/** The options of a command, by long name without dashes: `max-concurrency`. */
export class OptionValues {
  readonly #values: ReadonlyMap<string, unknown>;

  /** @param values true for a flag, ListedValue[] for a list */
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

  /** The values of one or several repeatable options, in the order given. */
  list(...names: readonly string[]): readonly ListedValue[] {
    return names
      .flatMap((name) => (this.#values.get(name) as readonly ListedValue[] | undefined) ?? [])
      .toSorted((a, b) => a.place - b.place);
  }
}
