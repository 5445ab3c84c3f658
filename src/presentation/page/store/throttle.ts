/**
 * Runs a task soon after it was asked for: one run at a time, and with pauses in between that grow with how long a run
 * takes, so that a busy session does not keep the server busy.
 */
export class Throttle {
  readonly #task: () => Promise<void>;
  readonly #pauseMs: number;
  #timer: ReturnType<typeof setTimeout> | null = null;
  #isRunning = false;
  #isAsked = false;
  #isStopped = false;
  #freeAt = 0;

  constructor(pauseMs: number, task: () => Promise<void>) {
    this.#pauseMs = pauseMs;
    this.#task = task;
  }

  ask(): void {
    this.#isAsked = true;
    if (this.#isStopped || this.#isRunning || this.#timer !== null) return;
    this.#timer = setTimeout(() => void this.#run(), Math.max(0, this.#freeAt - Date.now()));
  }

  stop(): void {
    this.#isStopped = true;
    if (this.#timer !== null) clearTimeout(this.#timer);
  }

  async #run(): Promise<void> {
    this.#timer = null;
    this.#isRunning = true;
    this.#isAsked = false;
    const began = Date.now();
    await this.#task();
    const took = Date.now() - began;
    this.#freeAt = Date.now() + Math.max(this.#pauseMs, 5 * took);
    this.#isRunning = false;
    if (this.#isAsked) this.ask();
  }
}
