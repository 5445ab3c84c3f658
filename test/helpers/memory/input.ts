import type { InputEntry } from '../../../src/application/ports/agent-host.ts';
import { MaosError } from '../../../src/domain/errors.ts';

/** What a program of the machine in memory is told while it runs; it outlives each MAOS as the machine does. */
export class MemoryInput {
  readonly #ids = new Set<string>();
  readonly #entries: Buffer[] = [];
  #isClosed = false;

  /** @throws MaosError INVALID_TRANSITION */
  append({ id, bytes }: InputEntry): void {
    if (this.#ids.has(id)) return;
    if (this.#isClosed) throw refused('the input is closed');
    this.#ids.add(id);
    this.#entries.push(Buffer.from(bytes));
  }

  close(): void {
    this.#isClosed = true;
  }

  /** The entry of that number, from 0; null at the end, undefined while it has not come. */
  read(number: number): Buffer | null | undefined {
    return this.#entries[number] ?? (this.#isClosed ? null : undefined);
  }
}

/** As every host says it. */
export function refused(why: string): MaosError {
  return new MaosError('INVALID_TRANSITION', `Nothing can be sent to the agent: ${why}.`);
}
