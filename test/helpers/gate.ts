import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** A place where agents wait until the test lets them pass, or for each other: no time has to be guessed. */
export class Gate {
  readonly #path: string;

  /** @param folder of the test's own */
  constructor(folder: string, name: string) {
    this.#path = join(folder, `${name}.gate`);
  }

  /** Shell: waits here; gives up after half a minute, so that a failed test leaves nothing. */
  get wait(): string {
    const look = this.test;
    return `i=0; until ${look} || [ $i -ge 600 ]; do sleep 0.05; i=$((i+1)); done; ${look}`;
  }

  /** Shell: true once it is open. */
  get test(): string {
    return `[ -e '${this.#path}' ]`;
  }

  /** Shell: lets everybody pass. */
  get open(): string {
    return `: >'${this.#path}'`;
  }

  openNow(): void {
    writeFileSync(this.#path, '');
  }

  get isOpen(): boolean {
    return existsSync(this.#path);
  }
}
