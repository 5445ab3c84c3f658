import type { Runtime } from '../application/runtime.ts';
import type { EndingSignal } from './ending-signals.ts';
import { keepCode } from './keep-code.ts';
import { RepeatedCalls } from './mcp/server/repeated-calls.ts';
import type { Tool } from './mcp/server/tool.ts';

/** How long pending calls may take to return when the process ends. */
const drainMs = 250;

/**
 * A serving process, independent of its transports: its pending calls and its end. It ends at the first ending signal,
 * or when {@link end} is called; later signals are ignored.
 */
export class Serving {
  readonly #runtime: Runtime;
  readonly #gone = Promise.withResolvers<string>();
  readonly #ending = new AbortController();
  readonly #calls = new Set<Promise<unknown>>();
  /** Whatever transport brings them. */
  readonly repeatedCalls = new RepeatedCalls();
  #changesUnderWay = 0;

  constructor(runtime: Runtime, endingSignals: readonly EndingSignal[]) {
    this.#runtime = runtime;
    for (const signal of endingSignals) process.on(signal, () => this.end(signal));
  }

  /** Settles with the reason when the process begins to end. */
  get gone(): Promise<string> {
    return this.#gone.promise;
  }

  /** Aborts when the sessions are detached: waiting calls return. */
  get ending(): AbortSignal {
    return this.#ending.signal;
  }

  end(reason: string): void {
    this.#gone.resolve(reason);
  }

  /** Must be called with every tool call. */
  readonly onCall = (call: Promise<unknown>, tool: Tool): void => {
    const change = tool.annotations.readOnlyHint ? 0 : 1;
    this.#calls.add(call);
    this.#changesUnderWay += change;
    void call.finally(() => {
      this.#calls.delete(call);
      this.#changesUnderWay -= change;
      keepCode(tool.name);
    });
  };

  /**
   * Waits for the end. Then first detaches the sessions, because a client may kill this process 30 ms later, and lets
   * pending calls return. The caller closes the transports and ends the process.
   */
  async untilEnd(): Promise<void> {
    const reason = await this.gone;
    let isChanging = this.#changesUnderWay > 0;
    await this.#detach();
    this.#runtime.log('info', 'the server ends', { reason, callsUnderWay: this.#calls.size });
    // Give the last received messages one turn to become calls.
    await turn();
    isChanging ||= this.#changesUnderWay > 0;
    this.#ending.abort();
    if (this.#calls.size > 0) await Promise.race([Promise.allSettled(this.#calls), delay(drainMs)]);
    // A pending call may have started a session since.
    if (isChanging) await this.#detach();
    // Give the last responses one turn to be written.
    await turn();
  }

  async #detach(): Promise<void> {
    try {
      await this.#runtime.detach();
    } catch (error) {
      // The next MAOS takes the sessions over, as after a crash.
      this.#runtime.log('error', 'sessions not handed over', { error });
    }
  }
}

function turn(): Promise<void> {
  return delay(0);
}

function delay(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
}
