import type { PermissionDenials } from '../../../domain/agent.ts';

/** More are counted no further. */
const maxCounted = 1_000;
const maxShown = 20;

/** What a CLI was not allowed to do, where each refusal is told once. */
export class ToolDenials {
  readonly #shown: string[] = [];
  #count = 0;

  get all(): PermissionDenials | null {
    return this.#count === 0 ? null : { count: this.#count, shown: this.#shown };
  }

  /** @param detail what it was used on; empty: nothing is known of it */
  add(tool: string, detail: string): void {
    if (this.#count >= maxCounted) return;
    this.#count += 1;
    const name = tool || 'a tool';
    if (this.#shown.length < maxShown) this.#shown.push(detail === '' ? name : `${name}: ${detail}`);
  }
}
