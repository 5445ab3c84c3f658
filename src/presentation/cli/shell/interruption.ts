import type { EndingSignal } from '../../ending-signals.ts';
import { exitStatus } from './exit-status.ts';

/** The part of `process` that is needed. */
export interface SignalSource {
  on(signal: EndingSignal, listener: () => void): unknown;
  removeListener(signal: EndingSignal, listener: () => void): unknown;
}

/**
 * Handles signals: ends the program immediately, unless the command watches for them; then the first one asks the
 * command to end, and the second one ends the program.
 */
export class Interruption {
  readonly #controller = new AbortController();
  readonly #source: SignalSource;
  readonly #exit: (status: number) => void;
  readonly #listeners: ReadonlyMap<EndingSignal, () => void>;
  #watched = false;
  #isLent = false;

  constructor(source: SignalSource, signals: readonly EndingSignal[], exit: (status: number) => void) {
    this.#source = source;
    this.#exit = exit;
    this.#listeners = new Map(signals.map((signal) => [signal, () => this.#onSignal(signal)]));
    for (const [signal, listener] of this.#listeners) source.on(signal, listener);
  }

  /** From here on the first signal only aborts the returned signal. */
  watch(): AbortSignal {
    this.#watched = true;
    return this.#controller.signal;
  }

  /**
   * Leaves Ctrl-C to another program on the terminal, such as an editor, until the returned function is called. The
   * terminal sends it to both.
   */
  lendTerminal(): () => void {
    this.#isLent = true;
    return () => {
      this.#isLent = false;
    };
  }

  /**
   * Call when stdout can no longer be written. Ends a command that only prints; one that watches for signals continues.
   * @param status exit status of a command that ends because of this
   */
  outputLost(status: number): void {
    if (!this.#watched) this.#exit(status);
  }

  dispose(): void {
    for (const [signal, listener] of this.#listeners) this.#source.removeListener(signal, listener);
  }

  #onSignal(signal: EndingSignal): void {
    if (this.#isLent && signal === 'SIGINT') return;
    if (!this.#watched || this.#controller.signal.aborted) this.#exit(exitStatus.interrupted);
    this.#controller.abort();
  }
}
