import type { Clock } from '../ports/clock.ts';
import type { AttemptKey, Fleet } from '../ports/fleet.ts';
import type { Log } from '../ports/log.ts';
import type { CallBox, TeamCall } from '../ports/team-calls.ts';
import { persist } from './persist.ts';

interface HostedCallsDeps {
  readonly fleet: Fleet;
  readonly key: AttemptKey;
  readonly box: CallBox;
  readonly clock: Clock;
  readonly log: Log;
  readonly signal: AbortSignal;
}

/** Reports to the home what the programs of an attempt ask of their team. */
export class HostedCalls {
  readonly #deps: HostedCallsDeps;
  /** Calls that this process has reported. The home recognizes repeated ones. */
  readonly #told = new Set<string>();
  #looking: Promise<void> = Promise.resolve();
  #isAsked = false;
  #stopWatching = (): void => {};
  #isOver = false;
  readonly #onAbort = (): void => this.end();

  constructor(deps: HostedCallsDeps) {
    this.#deps = deps;
  }

  begin(): void {
    this.#deps.box.open();
    this.#look();
    this.#stopWatching = this.#deps.box.watch(() => this.#look());
    this.#deps.signal.addEventListener('abort', this.#onAbort);
  }

  /** The NATS server has lost its data. */
  tellAgain(): void {
    this.#told.clear();
    this.#look();
  }

  end(): void {
    this.#isOver = true;
    this.#stopWatching();
    this.#deps.signal.removeEventListener('abort', this.#onAbort);
  }

  #look(): void {
    if (this.#isAsked || this.#isOver) return;
    this.#isAsked = true;
    this.#looking = this.#looking
      .then(async () => {
        this.#isAsked = false;
        if (!this.#isOver) await this.#tellNew();
      })
      .catch((error: unknown) => {
        const { log, key, signal } = this.#deps;
        if (signal.aborted) return;
        log.log('warn', 'calls of an agent could not be told', {
          agentId: key.agentId,
          error: String(error),
        });
      });
  }

  async #tellNew(): Promise<void> {
    const { box } = this.#deps;
    const { calls, withdrawn } = await box.look();
    for (const call of calls) if (!this.#told.has(call.id)) await this.#tell(call);
    for (const id of withdrawn) {
      await this.#persist('telling that a call is withdrawn', (fleet, key) =>
        fleet.tell(key, { type: 'withdrawn', call: id }),
      );
      await box.forget(id);
    }
  }

  async #tell(call: TeamCall): Promise<void> {
    await this.#persist('telling of a call', (fleet, key) => fleet.tell(key, { type: 'called', call }));
    this.#told.add(call.id);
  }

  #persist(what: string, act: (fleet: Fleet, key: AttemptKey) => Promise<void>): Promise<void> {
    const { fleet, key } = this.#deps;
    return persist(what, async () => (this.#isOver ? undefined : act(fleet, key)), this.#deps);
  }
}
