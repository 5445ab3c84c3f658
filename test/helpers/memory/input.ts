import type { InputEntry } from '../../../src/application/ports/agent-host.ts';
import { MaosError } from '../../../src/domain/errors.ts';

/** The input of a running program of the in-memory machine. Like the machine, it outlives every MAOS process. */
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

  /** The entry with this number, from 0; null at the end of the input, undefined if it has not arrived yet. */
  read(number: number): Buffer | null | undefined {
    return this.#entries[number] ?? (this.#isClosed ? null : undefined);
  }
}

/** The error that every host throws. */
export function refused(why: string): MaosError {
  return new MaosError('INVALID_TRANSITION', `Nothing can be sent to the agent: ${why}.`);
}
