import type { Runtime } from '../application/runtime.ts';
import type { EndingSignal } from './ending-signals.ts';
import { keepCode } from './keep-code.ts';
import type { Tool } from './mcp/server/tool.ts';

/** How long calls under way may take to come back once the process ends. */
const drainMs = 250;

/**
 * A process that serves, over whatever it is asked: what is under way in it, and its end. It ends at one of the
 * signals for that, or when {@link end} is called; signals that come after that are ignored.
 */
export class Serving {
  readonly #runtime: Runtime;
  readonly #gone = Promise.withResolvers<string>();
  readonly #ending = new AbortController();
  readonly #calls = new Set<Promise<unknown>>();
  #changesUnderWay = 0;

  constructor(runtime: Runtime, endingSignals: readonly EndingSignal[]) {
    this.#runtime = runtime;
    for (const signal of endingSignals) process.on(signal, () => this.end(signal));
  }

  /** Settles with the reason as soon as the end has begun. */
  get gone(): Promise<string> {
    return this.#gone.promise;
  }

  /** Aborts once the sessions are detached: calls that wait return. */
  get ending(): AbortSignal {
    return this.#ending.signal;
  }

  end(reason: string): void {
    this.#gone.resolve(reason);
  }

  /** Has to be told of every call of a tool. */
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
   * Waits for the end. Then hands the sessions over, before anything else, for a client may kill this process 30 ms
   * later, and lets what is under way come back. The caller closes what listens and ends the process.
   */
  async untilEnd(): Promise<void> {
    const reason = await this.gone;
    let isChanging = this.#changesUnderWay > 0;
    await this.#detach();
    this.#runtime.log('info', 'the server ends', { reason, callsUnderWay: this.#calls.size });
    // One turn for what was read last to become a call.
    await turn();
    isChanging ||= this.#changesUnderWay > 0;
    this.#ending.abort();
    if (this.#calls.size > 0) await Promise.race([Promise.allSettled(this.#calls), delay(drainMs)]);
    // A call that was under way may have started a session since.
    if (isChanging) await this.#detach();
    // One turn for the last answers to be written.
    await turn();
  }

  async #detach(): Promise<void> {
    try {
      await this.#runtime.detach();
    } catch (error) {
      // Whichever MAOS comes next takes the sessions over, as after a crash.
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
