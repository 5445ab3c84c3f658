import type { EndingSignal } from '../../ending-signals.ts';
import { exitStatus } from './exit-status.ts';

/** The part of `process` that is used. */
export interface SignalSource {
  on(signal: EndingSignal, listener: () => void): unknown;
  removeListener(signal: EndingSignal, listener: () => void): unknown;
}

/**
 * What a signal does: ends the program at once, unless the command watches for it; then the first one asks the command
 * to end and the second one ends the program.
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

  /** From now on the first signal only aborts the signal returned. */
  watch(): AbortSignal {
    this.#watched = true;
    return this.#controller.signal;
  }

  /**
   * stdout is gone: that ends what only shows something. A command that watches does something besides, which goes on.
   * @param status of a command that ends for it
   */
  outputLost(status: number): void {
    if (!this.#watched) this.#exit(status);
  }

  dispose(): void {
    for (const signal of this.#signals) this.#source.removeListener(signal, this.#onSignal);
  }
}
