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
  readonly #signals: readonly EndingSignal[];
  readonly #exit: (status: number) => void;
  readonly #onSignal = (): void => {
    if (!this.#watched || this.#controller.signal.aborted) this.#exit(exitStatus.interrupted);
    this.#controller.abort();
  };
  #watched = false;

  constructor(source: SignalSource, signals: readonly EndingSignal[], exit: (status: number) => void) {
    this.#source = source;
    this.#signals = signals;
    this.#exit = exit;
    for (const signal of this.#signals) source.on(signal, this.#onSignal);
  }

  /** From here on the first signal only aborts the returned signal. */
  watch(): AbortSignal {
    this.#watched = true;
    return this.#controller.signal;
  }

  /**
   * Call when stdout can no longer be written. Ends a command that only prints; one that watches for signals continues.
   * @param status exit status of a command that ends because of this
   */
  outputLost(status: number): void {
    if (!this.#watched) this.#exit(status);
  }

  dispose(): void {
    for (const signal of this.#signals) this.#source.removeListener(signal, this.#onSignal);
  }
}
