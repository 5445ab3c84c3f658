import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** A gate where agents wait for the test or for each other, so that tests need no guessed delays. */
export class Gate {
  /** The file that opens it. */
  readonly path: string;

  /** @param folder the test's own folder */
  constructor(folder: string, name: string) {
    this.path = join(folder, `${name}.gate`);
  }

  /** Shell: waits at the gate, at most 30 s, so that a failed test leaves no process. */
  get wait(): string {
    const look = this.test;
    return `i=0; until ${look} || [ $i -ge 600 ]; do sleep 0.05; i=$((i+1)); done; ${look}`;
  }

  /** Shell: true once it is open. */
  get test(): string {
    return `[ -e '${this.path}' ]`;
  }

  /** Shell: opens the gate. */
  get open(): string {
    return `: >'${this.path}'`;
  }

  openNow(): void {
    writeFileSync(this.path, '');
  }

  get isOpen(): boolean {
    return existsSync(this.path);
  }
}
