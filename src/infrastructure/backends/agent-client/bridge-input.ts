import { LineSplitter } from '../../../application/line-splitter.ts';
import { type BridgeEntry, readEntry } from './live-input.ts';
import type { OpenPermissions } from './open-permissions.ts';

/** Longer than any entry. */
const maxEntryBytes = 32 * 2 ** 20;

export type TextEntry = Extract<BridgeEntry, { readonly type: 'text' }>;

/** Reads the bridge's stdin: passes answers on immediately, and holds texts until a turn can begin with them. */
export class BridgeInput {
  readonly #permissions: OpenPermissions;
  readonly #lines = new LineSplitter(maxEntryBytes, 'drop');
  readonly #decoder = new TextDecoder();
  readonly #texts: TextEntry[] = [];
  #isOver = false;
  #wake = (): void => {};

  constructor(stream: NodeJS.ReadableStream, permissions: OpenPermissions) {
    this.#permissions = permissions;
    stream.on('data', (chunk: Uint8Array) => this.#take(this.#lines.push(chunk)));
    stream.on('end', () => this.#end());
    stream.on('error', () => this.#end());
  }

  /** Settles with the waiting texts once there are any; null: there will be none. One call at a time. */
  async next(): Promise<readonly TextEntry[] | null> {
    while (this.#texts.length === 0) {
      if (this.#isOver) return null;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    return this.#texts.splice(0);
  }

  #take(lines: readonly Uint8Array[]): void {
    for (const line of lines) {
      const entry = readEntry(this.#decoder.decode(line));
      if (entry?.type === 'answer') this.#permissions.answer(entry.key, entry.allow);
      if (entry?.type === 'text') this.#texts.push(entry);
    }
    this.#wake();
  }

  #end(): void {
    this.#isOver = true;
    this.#take(this.#lines.end());
    this.#permissions.close();
  }
}
