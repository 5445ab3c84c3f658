import type { RunningAgent } from '../ports/agent-host.ts';
import type { Clock } from '../ports/clock.ts';

/** Before a suspension that failed is tried again. */
const retryMs = 500;
/** After so many in a row it is told that it does not come about. */
const toldTries = 3;

interface SuspendCallbacks {
  readonly clock: Clock;
  /** It stands still now, or goes on: as was asked last. */
  changed(): void;
  trouble(message: string, error: unknown): void;
}

/**
 * Brings the processes of one run to stand still and lets them go on, as was last asked. What was asked may change while
 * the processes still follow; and of a run taken over it is not known whether its last owner had got as far as he said.
 */
export class SuspendController {
  readonly #keeper: SuspendCallbacks;
  #running: RunningAgent | null = null;
  #actual: 'held' | 'free' | 'unknown';
  #isAsked: boolean;
  #isBusy = false;
  #isOver = false;
  #failures = 0;
  #trouble: string | null = null;
  #heldMs = 0;
  #heldSince: number | null;

  /** @param isHeld an owner before this one had it stand still */
  constructor(keeper: SuspendCallbacks, isHeld: boolean) {
    this.#keeper = keeper;
    this.#heldSince = isHeld ? keeper.clock.elapsedMs() : null;
    this.#isAsked = isHeld;
    this.#actual = this.#isAsked ? 'unknown' : 'free';
  }

  /** There is something to stand still now. */
  begin(running: RunningAgent): void {
    this.#running = running;
    void this.#follow();
  }

  hold(): void {
    this.#ask(true);
    this.#heldSince ??= this.#keeper.clock.elapsedMs();
    void this.#follow();
  }

  release(): void {
    this.#ask(false);
    this.#heldMs = this.heldMs(this.#keeper.clock.elapsedMs());
    this.#heldSince = null;
    void this.#follow();
  }

  abandon(): void {
    this.#isOver = true;
  }

  /** Why what was asked last does not come about, though it is still tried; null while it may. */
  get trouble(): string | null {
    return this.#trouble;
  }

  #ask(isAsked: boolean): void {
    if (isAsked !== this.#isAsked) this.#calm();
    this.#isAsked = isAsked;
  }

  #calm(): void {
    this.#failures = 0;
    this.#trouble = null;
  }

  get isAsked(): boolean {
    return this.#isAsked;
  }

  get state(): 'held' | 'free' | 'changing' {
    if (this.#actual === (this.#isAsked ? 'held' : 'free')) return this.#actual;
    return 'changing';
  }

  /** Milliseconds it was to stand still under this owner. */
  heldMs(now: number): number {
    return this.#heldMs + (this.#heldSince === null ? 0 : now - this.#heldSince);
  }

  async #follow(): Promise<void> {
    // Whoever is told asks again what it asked before: where nothing changes, nobody is told.
    if (this.#isBusy || this.#running === null || this.state !== 'changing') return;
    this.#isBusy = true;
    while (!this.#isOver && this.state === 'changing') {
      const isHolding = this.#isAsked;
      try {
        await (isHolding ? this.#running.suspend() : this.#running.proceed());
        this.#actual = isHolding ? 'held' : 'free';
        this.#calm();
      } catch (error) {
        this.#actual = 'unknown';
        const what = isHolding ? 'suspended' : 'continued';
        this.#keeper.trouble(`agent could not be ${what}, retrying`, error);
        this.#failures += 1;
        if (this.#failures >= toldTries && this.#isAsked === isHolding) {
          this.#trouble = error instanceof Error ? error.message : String(error);
          this.#keeper.changed();
        }
        await new Promise<void>((resolve) => this.#keeper.clock.after(retryMs, resolve));
      }
    }
    this.#isBusy = false;
    if (!this.#isOver) this.#keeper.changed();
  }
}
