import type { CommandContext } from '../command.ts';
import { type Input, KeyReader } from './keys.ts';

/** How long the rest of a key's sequence may take over a slow connection; then it was the Esc key. */
const escapeMs = 100;

/** A terminal's input, key by key. */
type RawInput = CommandContext['stdin'] & { setRawMode?(on: boolean): unknown };

/** Reads the keys of a terminal from `start` to `stop`. */
export class Keyboard {
  readonly #stdin: RawInput;
  readonly #onInput: (input: Input) => void;
  readonly #onEnd: () => void;
  readonly #reader = new KeyReader();
  #timer: NodeJS.Timeout | null = null;
  readonly #onData = (text: string | Buffer): void => {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    this.#pass(this.#reader.read(String(text)));
    if (this.#reader.isWaiting) this.#timer = setTimeout(() => this.#pass(this.#reader.flush()), escapeMs);
  };

  constructor(stdin: RawInput, onInput: (input: Input) => void, onEnd: () => void) {
    this.#stdin = stdin;
    this.#onInput = onInput;
    this.#onEnd = onEnd;
    stdin.setEncoding('utf8');
  }

  start(): void {
    this.#stdin.setRawMode?.(true);
    this.#stdin.on('data', this.#onData);
    this.#stdin.on('end', this.#onEnd);
    this.#stdin.resume();
  }

  stop(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#stdin.removeListener('data', this.#onData);
    this.#stdin.removeListener('end', this.#onEnd);
    this.#stdin.pause();
    this.#stdin.setRawMode?.(false);
  }

  #pass(inputs: readonly Input[]): void {
    for (const input of inputs) this.#onInput(input);
  }
}
