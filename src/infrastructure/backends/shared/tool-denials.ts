import type { PermissionDenials } from '../../../domain/agent.ts';

/** Limit for counting denials. */
const maxCounted = 1_000;
const maxShown = 20;

/** What a CLI that reports each refusal once was not permitted to do. */
export class ToolDenials {
  readonly #shown: string[] = [];
  #count = 0;

  get all(): PermissionDenials | null {
    return this.#count === 0 ? null : { count: this.#count, shown: this.#shown };
  }

  /** @param detail what the tool was used on; empty if unknown */
  add(tool: string, detail: string): void {
    if (this.#count >= maxCounted) return;
    this.#count += 1;
    const name = tool || 'a tool';
    if (this.#shown.length < maxShown) this.#shown.push(detail === '' ? name : `${name}: ${detail}`);
  }
}
