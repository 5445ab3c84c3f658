/** Lets a view leave the terminal tidy when Ctrl-Z stops this process. */
export class JobControl {
  readonly #leave: () => void;
  readonly #forget: () => void;
  #hasLeft = false;

  /**
   * @param leave called before the process stops
   * @param forget called when the process continues after it was stopped in another way: what it has drawn is elsewhere
   */
  constructor({ leave, forget }: { readonly leave: () => void; readonly forget: () => void }) {
    this.#leave = leave;
    this.#forget = forget;
    process.on('SIGTSTP', this.#onStop);
    process.on('SIGCONT', this.#onContinue);
  }

  dispose(): void {
    process.removeListener('SIGTSTP', this.#onStop);
    process.removeListener('SIGCONT', this.#onContinue);
  }

  readonly #onStop = (): void => {
    this.#leave();
    this.#hasLeft = true;
    // Without a listener the signal stops this process, here and now; the next line runs when it continues. 0 is its
    // whole job, which the terminal has stopped already.
    process.removeListener('SIGTSTP', this.#onStop);
    process.kill(0, 'SIGTSTP');
    process.on('SIGTSTP', this.#onStop);
  };

  readonly #onContinue = (): void => {
    if (!this.#hasLeft) this.#forget();
    this.#hasLeft = false;
  };
}
