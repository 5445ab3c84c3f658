import { orderFormat } from '../../domain/agent.ts';
import { isMaosError } from '../../domain/errors.ts';
import type { SessionId } from '../../domain/ids.ts';
import { type HostBackend, misfitOf, refusalOfHome } from '../../domain/placement.ts';
import type { Backends } from '../ports/backend.ts';
import type { Clock } from '../ports/clock.ts';
import type {
  AttemptClaim,
  AttemptKey,
  Fleet,
  HostFact,
  HostReport,
  StoredClaim,
  TakenOffer,
} from '../ports/fleet.ts';
import type { HostedPlace, HostedRecord, HostedRecords, HostQuotas, LaunchOrder } from '../ports/hosting.ts';
import type { Log } from '../ports/log.ts';
import type { Project } from '../project.ts';
import { HostedAttempt } from './hosted-attempt.ts';
import { checkOrder, type HostRules } from './hosted-launch.ts';
import { pause, persist } from './persist.ts';

export interface HostServiceDeps {
  readonly fleet: Fleet;
  readonly records: HostedRecords;
  readonly backends: Backends;
  /** Set by the host's owner. */
  readonly labels: Readonly<Record<string, string>>;
  /** Finds out which backends it can run for homes. */
  survey(): Promise<readonly HostBackend[]>;
  readonly rules: HostRules;
  readonly quotas: HostQuotas;
  readonly name: string;
  readonly incarnation: string;
  readonly pools: readonly string[];
  readonly slots: number;
  readonly version: string;
  readonly graceMs: number;
  readonly teamServer: Project['agentServer'];
  readonly clock: Clock;
  readonly log: Log;
  placeOf(project: string): HostedPlace;
  /** @throws MaosError INVALID_INPUT */
  decodeOrder(bytes: Uint8Array): LaunchOrder;
  freeMemoryMb(): number;
  /** Whether it takes no more offers, and ends when its agents have ended. */
  isDraining(): boolean;
  /** Called with what people may want to see. */
  told?(what: string): void;
}

const beatMs = 5_000;
const beatAgainMs = 1_000;
const surveyMs = 300_000;
const waitMs = 5_000;
const fullMs = 200;
const giveBackMs = 500;
const mostLeft = 1_000;

/** How long a host that ends waits for homes to confirm the ends of its agents. */
const farewellMs = 5_000;

/**
 * Takes offers of its pools, and supervises the agents that this process or an earlier one has started. If the NATS
 * server loses its data, it claims them again; the era in its heartbeat shows when that is done.
 */
export class HostService {
  readonly #deps: HostServiceDeps;
  /** Attempts that hold a slot; null: claimed, not yet started or refused. */
  readonly #attempts = new Map<string, HostedAttempt | null>();
  /** Attempts whose end was reported, kept until the home confirms it. */
  readonly #told = new Map<string, HostedAttempt>();
  /** Decisions under way about attempts that may be claimed already. */
  readonly #undecided = new Set<Promise<unknown>>();
  /** The era in which all attempts of this host are claimed. */
  #era = '';
  #entering: Promise<void> | null = null;
  /** Why each offer was left. The offer comes again and again; the reason is logged once. */
  readonly #left = new Map<string, string>();
  #isDone = false;
  #backends: readonly HostBackend[] = [];
  #announced = '';
  #heldUntil: Readonly<Record<string, string>> = {};

  constructor(deps: HostServiceDeps) {
    this.#deps = deps;
  }

  /** @param ending ends it; its agents keep running, and the next process adopts them */
  async run(ending: AbortSignal): Promise<void> {
    const { records, pools, clock } = this.#deps;
    const over = new AbortController();
    const signal = AbortSignal.any([ending, over.signal]);
    this.#heldUntil = await this.#deps.quotas.read();
    for (const record of await records.all()) this.#adopt(record, signal);
    const beating = this.#beat(signal);
    await this.#survey();
    const surveying = this.#surveyAgain(signal);
    const names = new Set([...pools, this.#deps.name]);
    await Promise.all([...names].map((pool) => this.#take(pool, signal)));
    while (!signal.aborted && this.#attempts.size > 0) await pause(clock, fullMs, signal);
    const until = clock.elapsedMs() + farewellMs;
    while (!signal.aborted && this.#told.size > 0 && clock.elapsedMs() < until)
      await pause(clock, fullMs, signal);
    this.#isDone = true;
    await Promise.all([beating, surveying]);
    over.abort();
  }

  /** Whether an agent of the session is here now. */
  isBusy(project: string, id: SessionId): boolean {
    return [...this.#attempts.keys()].some((attempt) => attempt.startsWith(`${project}.${id}.`));
  }

  async #survey(): Promise<void> {
    try {
      this.#backends = await this.#deps.survey();
    } catch (error) {
      this.#deps.log.log('warn', 'the backends of this host could not be looked at', {
        error: String(error),
      });
    }
  }

  async #surveyAgain(signal: AbortSignal): Promise<void> {
    while (await this.#waits(surveyMs, signal)) await this.#survey();
  }

  #report(): HostReport {
    const { name, incarnation, pools, labels, slots, version, clock, rules } = this.#deps;
    return {
      ...{ format: orderFormat, homes: rules.homes },
      ...{ name, incarnation, pools, labels, slots, version, backends: this.#backendsNow(), at: clock.now() },
      running: this.#attempts.size,
      freeMemoryMb: Math.floor(this.#deps.freeMemoryMb()),
      isDraining: this.#deps.isDraining(),
    };
  }

  async #beat(signal: AbortSignal): Promise<void> {
    const { fleet, name, incarnation, log } = this.#deps;
    while (!signal.aborted && !this.#isDone) {
      let waitMs = beatMs;
      try {
        await this.#lookAtEra();
        await fleet.beat(name, incarnation, this.#era);
        this.#announced = this.#load();
        await fleet.announce(this.#report());
      } catch (error) {
        waitMs = beatAgainMs;
        log.log('warn', 'the NATS server does not answer', { error: String(error) });
      }
      await this.#waits(waitMs, signal, () => this.#announced !== this.#load());
    }
  }

  async #lookAtEra(): Promise<void> {
    const era = await this.#deps.fleet.era();
    if (era === this.#era || this.#entering !== null) return;
    this.#entering = this.#enter(era).finally(() => {
      this.#entering = null;
    });
  }

  /** Claims again whatever may have been started in an earlier era. */
  async #enter(era: string): Promise<void> {
    if (this.#era !== '') this.#deps.log.log('warn', 'the NATS server has lost what it had stored', { era });
    // Whatever starts after these is claimed in the new era anyway.
    await Promise.all(this.#undecided);
    try {
      for (const attempt of [...this.#attempts.values(), ...this.#told.values()]) await attempt?.claimAgain();
      this.#era = era;
    } catch (error) {
      this.#deps.log.log('info', 'not everything was claimed again', { error: String(error) });
    }
  }

  #decide(decision: Promise<unknown>): void {
    const settled = decision
      .catch(() => 'whoever decides tells')
      .finally(() => this.#undecided.delete(settled));
    this.#undecided.add(settled);
  }

  /** What placement, and homes that wait for their agents, depend on: a change is announced immediately. */
  #load(): string {
    return JSON.stringify([this.#attempts.size, this.#deps.isDraining(), this.#backendsNow(), this.#era]);
  }

  #backendsNow(): readonly HostBackend[] {
    const now = this.#deps.clock.now();
    return this.#backends.map((backend) => {
      const until = this.#heldUntil[backend.name];
      return until === undefined || until <= now ? backend : { ...backend, heldUntil: until };
    });
  }

  async #refused(backend: string, until: string): Promise<void> {
    const { quotas, log } = this.#deps;
    if ((this.#heldUntil[backend] ?? '') >= until) return;
    this.#heldUntil = { ...this.#heldUntil, [backend]: until };
    this.#deps.told?.(`out of quota: ${backend} until ${until}`);
    await quotas
      .write(this.#heldUntil)
      .catch((error: unknown) =>
        log.log('warn', 'until when a provider refuses was not stored', { backend, error: String(error) }),
      );
  }

  /** @returns false if this host has ended */
  async #waits(ms: number, signal: AbortSignal, isEarly = () => false): Promise<boolean> {
    const { clock } = this.#deps;
    const until = clock.elapsedMs() + ms;
    while (!signal.aborted && !this.#isDone && clock.elapsedMs() < until && !isEarly())
      await pause(clock, fullMs, signal);
    return !signal.aborted && !this.#isDone;
  }

  async #take(pool: string, signal: AbortSignal): Promise<void> {
    const { fleet, slots, clock, log } = this.#deps;
    while (!signal.aborted && !this.#deps.isDraining()) {
      if (this.#attempts.size >= slots) {
        await pause(clock, fullMs, signal);
        continue;
      }
      try {
        const offer = await fleet.take(pool, waitMs, signal);
        if (offer === null) continue;
        // An offer of another pool may have taken the last slot.
        if (this.#attempts.size >= slots) await offer.giveBack(giveBackMs);
        else {
          const considered = this.#consider(offer, signal);
          this.#decide(considered);
          await considered;
        }
      } catch (error) {
        if (signal.aborted) return;
        log.log('warn', 'an offer could not be taken', { pool, error: String(error) });
        await pause(clock, giveBackMs, signal);
      }
    }
  }

  /** Claims an offer, and starts it once that is stored in both places. */
  async #consider(offer: TakenOffer, signal: AbortSignal): Promise<void> {
    const { name, records, rules } = this.#deps;
    const { key, terms } = offer;
    const id = textOf(key);
    if (this.#attempts.has(id) || this.#told.has(id)) return offer.accept();
    // If the NATS server lost the claim, its home would not know which host to wait for.
    if (terms?.hosts.includes(name) === false) return offer.giveBack(giveBackMs);
    this.#attempts.set(id, null);
    let isTaken = false;
    try {
      // Orders of homes that it does not work for are not even read.
      const unwanted = refusalOfHome(this.#report(), offer);
      if (unwanted !== null) return await this.#leave(offer, unwanted);
      const order = await this.#orderOf(offer);
      const misfit = typeof order === 'string' ? null : this.#misfitOf(order, offer);
      if (misfit !== null) return await this.#leave(offer, misfit);
      const claimed = await this.#claim(key, signal);
      if (claimed === null) return await offer.accept();
      if (terms !== null && !(await this.#isStill(terms.era, key, claimed, signal)))
        return await offer.accept();
      if (typeof order === 'string') {
        const what = `refused: attempt ${key.attempt} of ${key.agentId} of ${key.sessionId}: ${order}`;
        this.#deps.told?.(what);
        await this.#refuse(key, claimed, order, signal);
        return await offer.accept();
      }
      const suspended = { ms: 0, since: null };
      const record = { key, order, since: this.#deps.clock.now(), suspended, limited: null };
      await records.save(record);
      const spawning = await this.#renew(key, claimed, 'spawning', signal);
      if (spawning === null) {
        // The home has called it back, or the NATS server has lost it, before anything was started.
        await records.remove(key);
        return await offer.accept();
      }
      await this.#persist('confirming an offer', () => offer.accept(), signal);
      isTaken = true;
      const refusal = refusalOf(order, rules);
      const how: Begin =
        refusal === null ? { how: 'start', era: terms?.era ?? null } : { how: 'refuse', refusal };
      this.#look(record, spawning, signal, how);
    } finally {
      if (!isTaken) this.#attempts.delete(id);
    }
  }

  /**
   * Whether the era of an offer is the one in which it was claimed. If not, another host may have claimed it in the era
   * of the offer, so the claim is removed.
   */
  async #isStill(era: string, key: AttemptKey, claimed: StoredClaim, signal: AbortSignal): Promise<boolean> {
    const { fleet } = this.#deps;
    if ((await this.#persist('asking for the era', () => fleet.era(), signal)) === era) return true;
    await this.#persist('removing a claim', () => fleet.unclaim(key, claimed.revision), signal);
    return false;
  }

  #misfitOf({ agent }: LaunchOrder, { home, format }: TakenOffer): string | null {
    const { backend, maxMemoryMb: memoryMb } = agent;
    return misfitOf(this.#report(), { backend, memoryMb, home, format }, this.#deps.clock.now());
  }

  /** Returns the offer to the pool, or drops it if the attempt is claimed already. */
  async #leave(offer: TakenOffer, why: string): Promise<void> {
    const { fleet, log } = this.#deps;
    const { key, home } = offer;
    if ((await fleet.claimOf(key)) !== null) return offer.accept();
    if (this.#left.get(textOf(key)) !== why) {
      if (this.#left.size >= mostLeft) this.#left.clear();
      this.#left.set(textOf(key), why);
      log.log('info', 'an offer is left to other hosts', { attempt: textOf(key), home, why });
    }
    await offer.giveBack(giveBackMs);
  }

  /** @returns what is wrong with the order if no host can carry it out */
  async #orderOf({ key, order: blob }: TakenOffer): Promise<LaunchOrder | string> {
    try {
      const order = this.#deps.decodeOrder(await this.#deps.fleet.get(blob));
      const { agent } = order;
      const isMeant =
        agent.id === key.agentId && agent.sessionId === key.sessionId && agent.attempt === key.attempt;
      return isMeant ? order : 'The order is for another attempt.';
    } catch (error) {
      if (isMaosError(error, 'INVALID_INPUT')) return error.message;
      throw error;
    }
  }

  async #refuse(key: AttemptKey, claimed: StoredClaim, refusal: string, signal: AbortSignal): Promise<void> {
    const { fleet, clock } = this.#deps;
    const end = { how: 'never_started', at: clock.now() } as const;
    const none = { stop: null, files: null, work: null, printed: { stdout: 0, stderr: 0 } };
    const fact: HostFact = { type: 'ended', end, refusal, ...none };
    await this.#persist('telling of a refusal', () => fleet.tell(key, fact), signal);
    await this.#renew(key, claimed, 'ended', signal);
  }

  /** Null if another host has it. A claim of an earlier process of this host without a record was never started. */
  async #claim(key: AttemptKey, signal: AbortSignal): Promise<StoredClaim | null> {
    const { fleet, name, incarnation } = this.#deps;
    const claim: AttemptClaim = { host: name, incarnation, epoch: 1, phase: 'claimed', obeyed: 0 };
    return this.#persist(
      'claiming an offer',
      async () => {
        const revision = await fleet.claim(key, claim);
        if (revision !== null) return { claim, revision };
        const current = await fleet.claimOf(key);
        if (current === null) throw new Error('the claim has gone meanwhile');
        if (current.claim.host !== name || current.claim.phase !== 'claimed') return null;
        // An earlier try may have been stored although its answer was lost.
        if (current.claim.incarnation === incarnation) return current;
        const again = { ...claim, epoch: current.claim.epoch + 1 };
        const renewed = await fleet.renew(key, again, current.revision);
        if (renewed === null) throw new Error('the claim has changed meanwhile');
        return { claim: again, revision: renewed };
      },
      signal,
    );
  }

  /** Null if the claim is not this process's any more. */
  #renew(
    key: AttemptKey,
    { claim: before, revision: known }: StoredClaim,
    phase: AttemptClaim['phase'],
    signal: AbortSignal,
  ): Promise<StoredClaim | null> {
    const { fleet } = this.#deps;
    const claim = { ...before, phase };
    return this.#persist(
      'renewing a claim',
      async () => {
        const revision = await fleet.renew(key, claim, known);
        if (revision !== null) return { claim, revision };
        // An earlier try may have been stored although its answer was lost.
        const current = await fleet.claimOf(key);
        return current?.claim.incarnation === claim.incarnation && current.claim.phase === phase
          ? current
          : null;
      },
      signal,
    );
  }

  #persist<T>(what: string, act: () => Promise<T>, signal: AbortSignal): Promise<T> {
    return persist(what, act, { ...this.#deps, signal });
  }

  #adopt(record: HostedRecord, signal: AbortSignal): void {
    const { fleet, name, incarnation, log } = this.#deps;
    const { key } = record;
    const id = textOf(key);
    this.#attempts.set(id, null);
    const adopted = persist(
      'adopting an agent',
      async () => {
        const current = await fleet.claimOf(key);
        if (current === null) {
          // The NATS server has lost its data.
          const claim: AttemptClaim = { host: name, incarnation, epoch: 1, phase: 'spawning', obeyed: 0 };
          const revision = await fleet.claim(key, claim);
          if (revision === null) throw new Error('the claim was made meanwhile');
          return { claim, revision };
        }
        const { host, phase, epoch } = current.claim;
        if (host !== null && host !== name && phase === 'claimed')
          throw new Error(`host ${host} has not seen yet that the attempt is not for it`);
        if (host !== name) return current;
        const claim = { ...current.claim, incarnation, epoch: epoch + 1 };
        const revision = await fleet.renew(key, claim, current.revision);
        if (revision === null) throw new Error('the claim has changed meanwhile');
        return { claim, revision };
      },
      { ...this.#deps, signal },
    );
    const looking = adopted.then(
      (stored) =>
        this.#look(record, stored, signal, { how: stored.claim.host === name ? 'adopt' : 'discard' }),
      (error: unknown) => log.log('info', 'an agent is left to the next process', { error: String(error) }),
    );
    this.#decide(looking);
  }

  #look(record: HostedRecord, stored: StoredClaim, signal: AbortSignal, begin: Begin): void {
    const { key, order } = record;
    const id = textOf(key);
    const place = this.#deps.placeOf(key.project);
    const attempt = new HostedAttempt(record, stored, {
      ...{ ...this.#deps, place, signal },
      refused: (backend, until) => this.#refused(backend, until),
    });
    this.#attempts.set(id, attempt);
    const what = `${order.agent.name} (attempt ${key.attempt}) of ${key.sessionId}`;
    const { how } = begin;
    const isTold = how === 'adopt' && stored.claim.phase === 'ended';
    if (how === 'refuse') this.#deps.told?.(`refused: ${what}: ${begin.refusal}`);
    else if (!isTold) this.#deps.told?.(`${how}: ${what}`);
    const over =
      how === 'start'
        ? attempt.start(begin.era)
        : how === 'refuse'
          ? attempt.refuse(begin.refusal)
          : attempt[how]();
    over
      .then(async () => {
        if (!isTold) this.#deps.told?.(`ended: ${what}`);
        if (how === 'discard') return;
        this.#attempts.delete(id);
        this.#told.set(id, attempt);
        await attempt.settle();
      })
      .catch((error: unknown) => {
        if (signal.aborted) return;
        this.#deps.log.log('error', 'an agent cannot be looked after', {
          agentId: key.agentId,
          error: String(error),
        });
      })
      .finally(() => {
        this.#attempts.delete(id);
        this.#told.delete(id);
      });
  }
}

/** What to do with an attempt. */
type Begin =
  | { readonly how: 'start'; readonly era: string | null }
  | { readonly how: 'refuse'; readonly refusal: string }
  | { readonly how: 'adopt' | 'discard' };

function refusalOf(order: LaunchOrder, rules: HostRules): string | null {
  try {
    checkOrder(order, rules);
    return null;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

function textOf({ project, sessionId, agentId, attempt }: AttemptKey): string {
  return `${project}.${sessionId}.${agentId}.${attempt}`;
}
