import { type ChildProcess, spawn } from 'node:child_process';
import { rowsOf } from '../render/text-width.ts';
import type { OutputStream } from './output-writer.ts';

/** A pager that has taken so much exists. The pipe to one that does not takes less. */
const provenBytes = 2 ** 20;

export interface PagerUse {
  /** The terminal. */
  readonly stdout: OutputStream;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** The pager as a line for the shell; null: none. Called once there is more text than the screen holds. */
  choose(): Promise<string | null>;
  /** Leaves Ctrl-C to the pager, until the returned function is called. */
  lendTerminal(): () => void;
  /** Called when the user has left the pager before it had everything. */
  onLeft(error: Error): void;
}

/**
 * Holds output back until there is more than the screen holds, then passes it to a pager; what fits the screen is written
 * at the end. A pager that reads slowly slows the command down.
 */
export class PagedOutput implements OutputStream {
  readonly isTTY = true;
  readonly #use: PagerUse;
  /** What is held back; then what the pager has got, as long as it may turn out that there is no such program. */
  #text: string | null = '';
  /** There is no pager: the terminal gets the text. */
  #isDirect = false;
  #opening: Promise<void> | null = null;
  #pager: ChildProcess | null = null;
  #closed: Promise<void> = Promise.resolve();
  #isEnding = false;

  constructor(use: PagerUse) {
    this.#use = use;
  }

  write(piece: string | Uint8Array, done: () => void = () => {}): boolean {
    if (this.#opening === null) {
      this.#keep(piece);
      if (this.#fits()) done();
      else {
        this.#opening = this.#open();
        void this.#opening.then(done);
      }
    } else void this.#opening.then(() => this.#pass(piece)).then(done);
    return true;
  }

  /** Writes what is held back, or waits until the user leaves the pager. */
  async end(): Promise<void> {
    this.#isEnding = true;
    this.#opening ??= this.#goOnWithout();
    await this.#opening;
    this.#pager?.stdin?.end();
    await this.#closed;
  }

  async #open(): Promise<void> {
    const pager = await this.#use.choose();
    if (pager === null) return this.#goOnWithout();
    const { env } = this.#use;
    const child = spawn('/bin/sh', ['-c', pager], {
      stdio: ['pipe', 'inherit', 'inherit'],
      // As git does: quit if one screen is enough, keep colours, leave the screen as it is.
      env: { ...env, LESS: env.LESS ?? 'FRX', LV: env.LV ?? '-c' },
    });
    this.#pager = child;
    const takeBack = this.#use.lendTerminal();
    const end = (): void => void child.kill();
    process.once('exit', end);
    // The user may leave the pager before it has read everything.
    child.stdin.on('error', () => {});
    this.#closed = new Promise((resolve) => {
      const onEnd = async (status: number | null): Promise<void> => {
        process.removeListener('exit', end);
        takeBack();
        this.#pager = null;
        const isMissing = status === 126 || status === 127;
        if (isMissing && this.#text !== null) await this.#goOnWithout();
        else if (!this.#isEnding) this.#use.onLeft(leftEarly());
        resolve();
      };
      child.once('error', () => void onEnd(127));
      child.once('close', (status) => void onEnd(status));
    });
    const held = this.#text ?? '';
    this.#text = '';
    await this.#pass(held);
  }

  async #goOnWithout(): Promise<void> {
    this.#isDirect = true;
    const text = this.#text ?? '';
    this.#text = null;
    if (text !== '') await written(this.#use.stdout, text);
  }

  #keep(piece: string | Uint8Array): void {
    if (this.#text !== null) this.#text += typeof piece === 'string' ? piece : Buffer.from(piece).toString();
  }

  #fits(): boolean {
    const { columns, rows } = this.#use.stdout;
    const lines = (this.#text ?? '').replace(/\n$/, '').split('\n');
    // The prompt of the shell takes a line too.
    return rowsOf(lines, columns || 80) < (rows || 24);
  }

  /** To the pager, as long as there is one. */
  async #pass(piece: string | Uint8Array): Promise<void> {
    if (this.#isDirect) return written(this.#use.stdout, piece);
    const stdin = this.#pager?.stdin;
    if (stdin == null) return;
    this.#keep(piece);
    if ((this.#text ?? '').length > provenBytes) this.#text = null;
    const isTaken = await new Promise<boolean>((resolve) =>
      stdin.write(piece, (error) => resolve(error == null)),
    );
    if (!isTaken) await this.#closed;
  }
}

function written(stream: OutputStream, piece: string | Uint8Array): Promise<void> {
  return new Promise((resolve) => stream.write(piece, () => resolve()));
}

/** What a command is told whose reader has read enough, such as `head -1`. */
function leftEarly(): Error {
  return Object.assign(new Error('the pager was left'), { code: 'EPIPE' });
}
