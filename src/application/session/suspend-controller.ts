import type { RunningAgent } from '../ports/agent-host.ts';
import type { Clock } from '../ports/clock.ts';

/** Delay before a failed suspension is retried. */
const retryMs = 500;
/** After this many consecutive failures the trouble is reported. */
const toldTries = 3;

interface SuspendCallbacks {
  readonly clock: Clock;
  /** Called when its processes have reached the requested state. */
  changed(): void;
  trouble(message: string, error: unknown): void;
}

/**
 * Suspends and resumes the processes of one run, according to the latest request. The request may change while the
 * processes still follow the previous one; and for an adopted run it is unknown how far its last owner got.
 */
export class SuspendController {
  readonly #callbacks: SuspendCallbacks;
  #running: RunningAgent | null = null;
  #actual: 'suspended' | 'running' | 'unknown';
  #isAsked: boolean;
  #isBusy = false;
  #isOver = false;
  #failures = 0;
  #trouble: string | null = null;
  #suspendedMs = 0;
  #suspendedSince: number | null;

  /** @param isSuspended whether the previous owner suspended it */
  constructor(callbacks: SuspendCallbacks, isSuspended: boolean) {
    this.#callbacks = callbacks;
    this.#suspendedSince = isSuspended ? callbacks.clock.elapsedMs() : null;
    this.#isAsked = isSuspended;
    this.#actual = this.#isAsked ? 'unknown' : 'running';
  }

  /** Call when there are processes. */
  begin(running: RunningAgent): void {
    this.#running = running;
    void this.#follow();
  }

  suspend(): void {
    this.#ask(true);
    this.#suspendedSince ??= this.#callbacks.clock.elapsedMs();
    void this.#follow();
  }

  resume(): void {
    this.#ask(false);
    this.#suspendedMs = this.suspendedMs(this.#callbacks.clock.elapsedMs());
    this.#suspendedSince = null;
    void this.#follow();
  }

  abandon(): void {
    this.#isOver = true;
  }

  /** Why the latest request fails although it is still retried; null while it may succeed. */
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

  get state(): 'suspended' | 'running' | 'changing' {
    if (this.#actual === (this.#isAsked ? 'suspended' : 'running')) return this.#actual;
    return 'changing';
  }

  /** How long it was to be suspended under this owner, in milliseconds. */
  suspendedMs(now: number): number {
    return this.#suspendedMs + (this.#suspendedSince === null ? 0 : now - this.#suspendedSince);
  }

  async #follow(): Promise<void> {
    // Calls back only after a change: the callback repeats the request, so otherwise this would never end.
    if (this.#isBusy || this.#running === null || this.state !== 'changing') return;
    this.#isBusy = true;
    while (!this.#isOver && this.state === 'changing') {
      const isSuspending = this.#isAsked;
      try {
        await (isSuspending ? this.#running.suspend() : this.#running.resume());
        this.#actual = isSuspending ? 'suspended' : 'running';
        this.#calm();
      } catch (error) {
        this.#actual = 'unknown';
        const what = isSuspending ? 'suspended' : 'continued';
        this.#callbacks.trouble(`agent could not be ${what}, retrying`, error);
        this.#failures += 1;
        if (this.#failures >= toldTries && this.#isAsked === isSuspending) {
          this.#trouble = error instanceof Error ? error.message : String(error);
          this.#callbacks.changed();
        }
        await new Promise<void>((resolve) => this.#callbacks.clock.after(retryMs, resolve));
      }
    }
    this.#isBusy = false;
    if (!this.#isOver) this.#callbacks.changed();
  }
}
