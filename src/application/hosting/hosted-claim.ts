import type { AttemptClaim, AttemptKey, Fleet, StoredClaim } from '../ports/fleet.ts';
import { type Persistence, persist } from './persist.ts';

export interface HostedClaimDeps extends Persistence {
  readonly fleet: Fleet;
  readonly key: AttemptKey;
  /** The NATS server has lost everything, and no heartbeat has shown it yet. */
  forgotten(): void;
  /** The home has the end, or has given the attempt up. */
  settled(): void;
}

/** The claim that this host has on an attempt. */
export class HostedClaim {
  readonly #deps: HostedClaimDeps;
  #stored: StoredClaim;
  #obeyed: number;
  #isSettled = false;
  #renewing: Promise<unknown> = Promise.resolve();
  /** Counts how often the NATS server has lost everything. */
  #era = 0;

  constructor(stored: StoredClaim, deps: HostedClaimDeps) {
    this.#stored = stored;
    this.#obeyed = stored.claim.obeyed;
    this.#deps = deps;
  }

  get phase(): AttemptClaim['phase'] {
    return this.#stored.claim.phase;
  }

  /** Number of the last wish that is fulfilled. */
  get obeyed(): number {
    return this.#obeyed;
  }

  get isSettled(): boolean {
    return this.#isSettled;
  }

  isOf(host: string | null): boolean {
    return host === this.#stored.claim.host;
  }

  /** Nothing is renewed after this. */
  settle(): void {
    this.#isSettled = true;
  }

  /**
   * Retries until it works, or the claim is another process's. Changes are made one after the other, because one that
   * waits for the NATS server must not undo a later one.
   */
  renew(change: Partial<AttemptClaim>): Promise<void> {
    this.#obeyed = change.obeyed ?? this.#obeyed;
    const era = this.#era;
    // An end that was reported in an earlier era is lost.
    const renewed = this.#renewing.then(() =>
      this.#renewNow(era === this.#era ? change : { ...change, ...untold(change) }),
    );
    this.#renewing = renewed.catch(() => 'whoever asked for it is told');
    return renewed;
  }

  /** The NATS server has lost what it had stored. */
  renewInNewEra(): Promise<void> {
    this.#era += 1;
    return this.renew(untold(this.#stored.claim));
  }

  async #renewNow(change: Partial<AttemptClaim>): Promise<void> {
    const { fleet, key, forgotten, settled } = this.#deps;
    const claim = { ...this.#stored.claim, obeyed: this.#obeyed, ...change };
    const renewOnce = async (): Promise<void> => {
      if (this.#isSettled) return;
      const revision = await fleet.renew(key, claim, this.#stored.revision);
      if (revision !== null) {
        this.#stored = { claim, revision };
        return;
      }
      const current = await fleet.claimOf(key);
      // An earlier try may have been stored without an answer.
      if (current?.claim.incarnation === claim.incarnation) {
        this.#stored = current;
        throw new Error('the claim has changed meanwhile');
      }
      if (current === null) {
        const again = { ...claim, ...untold(claim) };
        const made = await fleet.claim(key, again);
        if (made === null) throw new Error('the claim was made meanwhile');
        this.#stored = { claim: again, revision: made };
        this.#era += 1;
        forgotten();
      } else if (current.claim.host === null) {
        this.#isSettled = true;
        settled();
      } else if (current.claim.host !== claim.host && current.claim.phase === 'claimed') {
        throw new Error(`host ${current.claim.host} has not seen yet that the attempt is not for it`);
      }
    };
    await persist('renewing a claim', renewOnce, this.#deps);
  }
}

/** For a new era: with `ended`, the next process of this host would assume that everything was reported. */
function untold({ phase }: Partial<AttemptClaim>): Partial<AttemptClaim> {
  return phase === 'ended' ? { phase: 'spawning' } : {};
}
