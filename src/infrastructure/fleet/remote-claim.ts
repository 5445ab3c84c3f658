import type { OutputSink } from '../../application/ports/agent-host.ts';
import type { Clock } from '../../application/ports/clock.ts';
import type { AttemptKey, Fleet, StoredClaim } from '../../application/ports/fleet.ts';
import type { OfferLedger } from './offer-ledger.ts';

/** Nobody can claim an attempt after this. If it replaces a host's claim, the home has the end. */
export const calledBack = { host: null, incarnation: '', epoch: 0, phase: 'ended', obeyed: 0 } as const;
/** As {@link calledBack}, but a host may have started it. */
const givenUp = { ...calledBack, phase: 'spawning' } as const;

export interface RemoteClaimDeps {
  readonly fleet: Fleet;
  readonly key: AttemptKey;
  readonly clock: Clock;
  readonly sink: Pick<OutputSink, 'news'>;
  /** Records which hosts may have taken it. */
  readonly offers: OfferLedger;
  /** Whether it is offered until a host claims it; otherwise it is called back if none has. */
  readonly isOffered: boolean;
  /** How long its host may be silent before it counts as lost. */
  readonly lostAfterMs: number;
  /** What its host has reported so far. */
  told(): 'nothing' | 'start' | 'end';
  /** Called with a claim that may be new to the home. */
  found(stored: StoredClaim): void;
  /** Wishes again what the NATS server may have lost. */
  wishAgain(): Promise<void>;
}

/** What a silent host means for its attempt: nothing yet, or one of two ends. */
export type Verdict = 'goes_on' | 'never_started' | 'lost';

/** The claim of an attempt, as its home knows it, and whether its host is silent. */
export class RemoteClaim {
  readonly #deps: RemoteClaimDeps;
  #stored: StoredClaim | null = null;
  #silentSince: number | null = null;
  /** Since when it has been only `claimed`. */
  #waiting: { readonly revision: number; readonly since: number } | null = null;
  /** The era in which it was last read. */
  #era: string | null = null;
  /** Whether the NATS server has lost the claim. */
  #isForgotten = false;

  constructor(deps: RemoteClaimDeps) {
    this.#deps = deps;
  }

  get stored(): StoredClaim | null {
    return this.#stored;
  }

  /** Null: it is not followed yet. */
  get era(): string | null {
    return this.#era;
  }

  /** Whether the attempt may be offered: nobody has claimed it, and nobody can have in an earlier era. */
  mayBeOffered(era: string): boolean {
    return this.#stored === null && this.#deps.offers.isCurrent(era);
  }

  /** Prevents later claims, unless a host has claimed the attempt already. */
  async callBack(): Promise<void> {
    const { fleet, key, offers } = this.#deps;
    const era = await fleet.era();
    if (!offers.isCurrent(era)) return;
    // With its era, a claim that arrives late, in a new era, does not count there.
    await fleet.claim(key, { ...calledBack, era });
  }

  /** Call before it is followed. */
  async begin(): Promise<void> {
    this.#era ??= await this.#deps.fleet.era();
  }

  heard(stored: StoredClaim): void {
    this.#stored = stored;
    this.#isForgotten = false;
  }

  /**
   * In a new era, the NATS server has nothing of this attempt except what was sent again.
   * @returns the era
   */
  async lookAtEra(): Promise<string> {
    const { fleet, key, found, wishAgain } = this.#deps;
    const era = await fleet.era();
    if (era === this.#era) return era;
    const stored = await fleet.claimOf(key);
    if (stored !== null) found(stored);
    else this.#isForgotten = this.#stored !== null;
    await wishAgain();
    this.#era = era;
    return era;
  }

  /** Looks whether its host is silent, and decides what that means. */
  async judge(): Promise<Verdict> {
    const { fleet, offers, isOffered, told } = this.#deps;
    const era = await this.lookAtEra();
    await this.#look();
    const stored = this.#stored;
    if (this.#isForgotten || (stored === null && !offers.isCurrent(era))) return this.#judgeForgotten(era);
    if (stored === null) {
      if (!isOffered) await this.callBack();
      return 'goes_on';
    }
    const { host, incarnation, phase } = stored.claim;
    // After a reported end, only the rest of the output is missing.
    if (host === null || (phase === 'ended' && told() === 'end')) return 'goes_on';
    if (phase === 'claimed' && this.#isStuck(stored)) return this.#takeBack(stored, era);
    if ((await fleet.lastBeat(host, incarnation)) !== null) return this.#heardOf();
    if (!this.#isSilent(`no heartbeat from host ${host}`)) return 'goes_on';
    return phase === 'claimed' && offers.isCurrent(era) ? this.#takeBack(stored, era) : 'lost';
  }

  /** Looks whether the claim still exists: a host removes one of another era than its offer. */
  async #look(): Promise<void> {
    const { fleet, key } = this.#deps;
    const stored = this.#stored;
    if (stored?.claim.phase !== 'claimed' || (await fleet.claimOf(key)) !== null) return;
    if (this.#stored === stored) this.#stored = null;
  }

  /** Whether its host does nothing with it: a repeated claim that arrived after the host had removed it. */
  #isStuck({ revision }: StoredClaim): boolean {
    const now = this.#deps.clock.elapsedMs();
    if (this.#waiting?.revision !== revision) this.#waiting = { revision, since: now };
    return now - this.#waiting.since >= this.#deps.lostAfterMs;
  }

  /** Takes back a claim before `spawning`: the host has not started the attempt, and cannot start it after this. */
  async #takeBack({ revision }: StoredClaim, era: string): Promise<Verdict> {
    const { fleet, key, offers } = this.#deps;
    if (offers.isCurrent(era))
      return (await fleet.renew(key, calledBack, revision)) === null ? 'goes_on' : 'never_started';
    await fleet.unclaim(key, revision);
    this.#stored = null;
    return 'goes_on';
  }

  /** The NATS server may have lost the claim; then only the hosts know whether one of them has the attempt. */
  async #judgeForgotten(era: string): Promise<Verdict> {
    const { fleet, key, offers, told } = this.#deps;
    const isBegun = told() !== 'nothing' || (this.#stored?.claim.phase ?? 'claimed') !== 'claimed';
    if (!isBegun && (await offers.isFree(fleet, key, era))) {
      this.#stored = null;
      this.#isForgotten = false;
      return this.#heardOf();
    }
    const hosts = this.#stored?.claim.host ?? offers.hosts.join(', ');
    const reason = `the NATS server has lost what it had stored, and has not heard yet from host ${hosts}`;
    if (!this.#isSilent(reason)) return 'goes_on';
    // If a host claims it first, the next look finds that claim.
    return (await fleet.claim(key, givenUp)) === null ? 'goes_on' : 'lost';
  }

  #heardOf(): Verdict {
    if (this.#silentSince !== null) this.#deps.sink.news?.({ type: 'reached' });
    this.#silentSince = null;
    return 'goes_on';
  }

  /** @returns whether its host has been silent for too long */
  #isSilent(reason: string): boolean {
    const { clock, lostAfterMs, sink } = this.#deps;
    const now = clock.elapsedMs();
    if (this.#silentSince === null) {
      const minutes = lostAfterMs / 60_000;
      sink.news?.({
        type: 'unreachable',
        reason: `${reason}; after ${minutes} minutes the agent counts as lost`,
      });
    }
    this.#silentSince ??= now;
    return now - this.#silentSince >= lostAfterMs;
  }
}
