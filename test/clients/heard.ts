import { makeMoment } from './workplace.ts';

/** What a server tells without being asked. */
export type Told =
  | { readonly method: 'notifications/resources/updated'; readonly params: { readonly uri: string } }
  | {
      readonly method: 'notifications/message';
      readonly params: { readonly level: string; readonly data?: unknown };
    };

/** All that a client was told, and a way to wait for more. */
export class Heard {
  readonly #told: Told[] = [];
  readonly #checks = new Set<() => void>();

  readonly add = (told: Told): void => {
    this.#told.push(told);
    for (const check of this.#checks) check();
  };

  /** The messages of the log. */
  get logged(): readonly string[] {
    return this.#told.flatMap(({ method, params }) =>
      method === 'notifications/message' ? [(params.data as { readonly message: string }).message] : [],
    );
  }

  /** How often a resource was said to have changed. */
  updates(uri: string): number {
    return this.#told.filter(
      ({ method, params }) => method === 'notifications/resources/updated' && params.uri === uri,
    ).length;
  }

  /** Waits for what is told to make it so. */
  async until(what: string, isSo: () => boolean): Promise<void> {
    const moment = makeMoment(what);
    const check = (): void => {
      if (isSo()) moment.arrive();
    };
    this.#checks.add(check);
    check();
    await moment.came.finally(() => this.#checks.delete(check));
  }
}
