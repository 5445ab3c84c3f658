import type { OutputStream } from '../../application/ports/agent-disk.ts';
import type {
  AgentEnd,
  InputEntry,
  OutputSink,
  ResourceSample,
  RunningAgent,
  StopReport,
} from '../../application/ports/agent-host.ts';
import type { Clock } from '../../application/ports/clock.ts';
import type {
  AttemptKey,
  Fleet,
  HostFact,
  LackedCode,
  StoredClaim,
  Wish,
} from '../../application/ports/fleet.ts';
import type { SharedFiles } from '../../application/ports/hosting.ts';
import type { Log, LogLevel } from '../../application/ports/log.ts';
import type { TeamCall, TeamOutcome } from '../../application/ports/team-calls.ts';
import type { Agent } from '../../domain/agent.ts';
import { MaosError } from '../../domain/errors.ts';
import { AnsweredCalls } from './answered-calls.ts';
import type { HomeCode } from './home-code.ts';
import { HomeWishes } from './home-wishes.ts';
import type { Mirror } from './mirror.ts';
import type { OfferLedger } from './offer-ledger.ts';
import { pause } from './pause.ts';
import { calledBack, RemoteClaim } from './remote-claim.ts';
import { RemoteResults, type ToldEnd } from './remote-results.ts';

export interface RemoteAttemptDeps {
  readonly fleet: Fleet;
  readonly key: AttemptKey;
  readonly agent: Agent;
  /** The agent's folder at home. */
  readonly folder: string;
  /** Records which hosts may have taken it. */
  readonly offers: OfferLedger;
  /** Whether it is offered until a host claims it; otherwise it is called back if none has. */
  readonly isOffered: boolean;
  readonly files: SharedFiles;
  readonly code: Pick<HomeCode, 'take' | 'refuse' | 'sendLacked'>;
  /** Never rejects. */
  carryOut(call: TeamCall, signal: AbortSignal): Promise<TeamOutcome>;
  readonly sink: OutputSink;
  readonly clock: Clock;
  readonly log: Log;
  /** How long its host may be silent before it counts as lost. */
  readonly lostAfterMs: number;
  /** Its files at home. */
  openMirror(onProblem: (problem: string, cause?: unknown) => void): Promise<Mirror>;
  /** Wishes the end of the agent's earlier attempts, which the NATS server may have lost. */
  endEarlier(): Promise<void>;
  /** Called once, when nothing more is needed of the NATS server. */
  released(): void;
}

const lookMs = 3_000;
const againMs = 1_000;
/** How long a host may take to suspend or resume an agent. */
const obeyMs = 15_000;
/** How long a measured use counts as current; the host reports it every 10 s. */
const useHoldsMs = 35_000;

/** One attempt on another machine, as its home sees and controls it. */
export class RemoteAttempt {
  readonly #deps: RemoteAttemptDeps;
  readonly #begun = Promise.withResolvers<void>();
  readonly #end = Promise.withResolvers<AgentEnd>();
  #mirror: Mirror | null = null;
  #spawned: Extract<HostFact, { type: 'spawned' }> | null = null;
  /** Its end, and the era in which the host reported it. */
  #told: { readonly fact: ToldEnd; readonly era: string | null } | null = null;
  /** It has ended, and this process is fetching its results. */
  #isFetching = false;
  #used: { readonly sample: ResourceSample; readonly heardAt: number } | null = null;
  readonly #claim: RemoteClaim;
  readonly #wishes: HomeWishes;
  readonly #results: RemoteResults;
  #calls: AnsweredCalls | null = null;
  #obeyed: (() => void)[] = [];
  #stopFollowing = (): void => {};
  #cancelLook = (): void => {};
  #isOver = false;

  constructor(deps: RemoteAttemptDeps) {
    this.#deps = deps;
    const { fleet, key, clock, agent, files, code, sink, lostAfterMs } = deps;
    const { offers, isOffered } = deps;
    this.#claim = new RemoteClaim({
      ...{ fleet, key, clock, sink, offers, isOffered, lostAfterMs },
      told: () => (this.#told !== null ? 'end' : this.#spawned !== null ? 'start' : 'nothing'),
      found: (stored) => this.#claimed(stored),
      wishAgain: async () => {
        await deps.endEarlier();
        await this.#wishes.again();
      },
    });
    this.#wishes = new HomeWishes({
      ...{ fleet, key, clock },
      isNeeded: () => !this.#isOver && sink.isOwned(),
      obeyed: () => this.#claim.stored?.claim.obeyed ?? 0,
      trouble: (message, error) => this.#note('warn', message, error),
    });
    this.#results = new RemoteResults({
      ...{ fleet, key, clock, agent, files, code, sink, lostAfterMs },
      told: () => this.#told,
      claim: () => this.#claim.stored?.claim ?? null,
      note: (level, message, error) => this.#note(level, message, error),
    });
  }

  /** Settles when it has been started, or its end is known. */
  get begun(): Promise<void> {
    return this.#begun.promise;
  }

  get claim(): Pick<RemoteClaim, 'mayBeOffered' | 'callBack'> {
    return this.#claim;
  }

  /** Why it could not be started; null: no failure is known. */
  get refusal(): string | null {
    return this.#told?.fact.refusal ?? null;
  }

  /** If it fails, nothing was delivered to the sink, and it may be repeated. */
  async follow(): Promise<void> {
    const { key, fleet } = this.#deps;
    await this.#claim.begin();
    // Opening the mirror delivers what it has, so it comes last, after everything that may fail.
    const early: (() => void)[] = [];
    let isReady = false;
    const heard = (act: () => void): void => {
      if (isReady) act();
      else early.push(act);
    };
    const stop = await fleet.follow(key, {
      claim: (stored) => heard(() => this.#claimed(stored)),
      output: (stream, offset, bytes) => heard(() => this.#print(stream, offset, bytes)),
      fact: (fact) => heard(() => this.#learn(fact)),
    });
    this.#stopFollowing = stop;
    this.#calls ??= await this.#openCalls();
    this.#mirror ??= await this.#deps.openMirror((problem, cause) => this.#note('warn', problem, cause));
    const recorded = await this.#mirror.recordedEnd();
    if (recorded !== null) return this.#finish(recorded);
    for (const act of early) act();
    isReady = true;
    this.#look();
  }

  running(): RunningAgent {
    const attempt = this;
    const host = this.#claim.stored?.claim.host ?? 'another machine';
    const { location } = this.#spawned ?? {};
    return {
      location: {
        kind: 'remote',
        label: location === undefined ? `host ${host}` : `host ${host}, ${location.label}`,
        data: { host, ...(location === undefined ? {} : { location: location.data }) },
      },
      ended: this.#end.promise,
      get beganAfresh() {
        return attempt.#spawned?.resumed === false && attempt.#deps.agent.resumed !== null;
      },
      get takesInput() {
        return attempt.#spawned?.takesInput === true;
      },
      isCaughtUp: () => this.#mirror?.isCaughtUp() ?? false,
      stop: (graceMs) => this.#stop(graceMs),
      suspend: () => this.#obey({ isPaused: true }),
      resume: () => this.#obey({ isPaused: false }),
      send: (entry) => this.#send(entry),
      closeInput: () => this.#wishes.change({ isInputOver: true }),
      sample: async () => this.#recentUse(),
      memory: async () => null,
    };
  }

  /** Stops following it. The agent keeps running. */
  abandon(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#stopFollowing();
    this.#calls?.end();
    this.#cancelLook();
    void this.#mirror?.close();
    this.#deps.released();
  }

  #claimed(stored: StoredClaim): void {
    this.#claim.heard(stored);
    this.#wishes.obeyed(stored.claim.obeyed);
    for (const wake of this.#obeyed.splice(0)) wake();
    const { host, phase } = stored.claim;
    if (host === null) void this.#finish(phase === 'ended' ? this.#neverStarted() : this.#lost());
    if (host !== null && phase !== 'claimed') this.#noteBegun(host);
  }

  #noteBegun(host: string): void {
    const { offers } = this.#deps;
    offers
      .begun(host)
      .catch((error: unknown) => this.#note('warn', 'that an agent has begun is not stored', error));
  }

  #learn(fact: HostFact): void {
    if (this.#isFetching) {
      // A repeated end: the NATS server has lost the first report.
      if (fact.type === 'ended') this.#told = { fact, era: this.#claim.era };
      return;
    }
    if (this.#isOver) {
      this.#hearLate(fact);
      return;
    }
    if (fact.type === 'spawned') {
      this.#spawned = fact;
      this.#begun.resolve();
      return;
    }
    if (fact.type === 'lacks') {
      void this.#sendLacked(fact.code);
      return;
    }
    if (fact.type === 'used') {
      this.#used = { sample: fact.sample, heardAt: this.#deps.clock.elapsedMs() };
      return;
    }
    if (fact.type === 'called') {
      if (this.#deps.sink.isOwned()) this.#calls?.called(fact.call);
      return;
    }
    if (fact.type === 'withdrawn') {
      this.#calls?.withdrawn(fact.call);
      return;
    }
    if (fact.type === 'limited') {
      this.#deps.sink.limited?.(fact.limit);
      return;
    }
    this.#told = { fact, era: this.#claim.era };
    this.#trying(() => this.#finishIfWhole());
  }

  /** An old measurement must not pass for an agent that does nothing. */
  #recentUse(): ResourceSample | null {
    if (this.#used === null) return null;
    const { sample, heardAt } = this.#used;
    return this.#deps.clock.elapsedMs() - heardAt > useHoldsMs ? null : sample;
  }

  #print(stream: OutputStream, offset: number, bytes: Uint8Array): void {
    if (this.#isOver) return;
    this.#trying(() => {
      if (this.#mirror?.write(stream, offset, bytes) !== true)
        throw new Error(`output before byte ${offset} is missing`);
      this.#finishIfWhole();
    });
  }

  #finishIfWhole(): void {
    const told = this.#told?.fact;
    if (told !== undefined && this.#mirror?.has(told.printed)) void this.#finish(told.end);
  }

  async #finish(end: AgentEnd): Promise<void> {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#calls?.end();
    this.#cancelLook();
    const { sink } = this.#deps;
    this.#isFetching = this.#told !== null;
    const isTaken = await this.#results.take(end);
    this.#isFetching = false;
    if (end.how !== 'lost') this.#stopFollowing();
    // The next owner of the session takes the results, which it would not if the end were recorded.
    if (!sink.isOwned()) {
      this.#stopFollowing();
      await this.#mirror?.close();
      return this.#deps.released();
    }
    try {
      const printed = (await this.#mirror?.finish(end)) ?? 0;
      sink.printed?.(printed);
    } catch (error) {
      this.#note('error', 'the end of an agent could not be recorded in its folder', error);
    }
    for (const wake of this.#obeyed.splice(0)) wake();
    this.#begun.resolve();
    this.#end.resolve(end);
    // Until the home has stored an end, only the host's report has it. Exceptions: the agent's folder shows an exit,
    // and the claim shows that the attempt was called back.
    const isCalledBack = end.how === 'never_started' && this.#told === null;
    if (end.how === 'lost') return this.#awaitLateFacts();
    await this.#leave(isCalledBack || (end.how === 'exited' && isTaken));
    this.#deps.released();
  }

  /** @param isStored tells its host that the home has everything, so that the host stops repeating it */
  async #leave(isStored: boolean): Promise<void> {
    const { fleet, key, sink } = this.#deps;
    await this.#wishes.stored;
    while (sink.isOwned()) {
      try {
        // The last chance to end an earlier attempt: the NATS server may have lost that wish since the last look.
        await this.#claim.lookAtEra();
        if (!isStored) return;
        const stored = await fleet.claimOf(key);
        if (stored === null) await fleet.claim(key, calledBack);
        else if (stored.claim.host !== null) await fleet.renew(key, calledBack, stored.revision);
        return await fleet.forget(key);
      } catch (error) {
        this.#note('warn', 'an agent that has ended is not settled with the NATS server yet', error);
        await pause(this.#deps.clock, againMs);
      }
    }
  }

  /** Keeps what its host still reports while the session runs, without applying it. */
  #awaitLateFacts(): void {
    if (this.#told === null && this.#deps.sink.isOwned()) {
      // The agent must end even if the NATS server has lost that wish.
      this.#claim
        .lookAtEra()
        .catch((error: unknown) => this.#note('debug', 'the NATS server does not answer', error));
      this.#cancelLook = this.#deps.clock.after(lookMs, () => this.#awaitLateFacts());
      return;
    }
    this.#stopFollowing();
    this.#deps.released();
  }

  #hearLate(fact: HostFact): void {
    if (fact.type !== 'spawned' && fact.type !== 'ended') return;
    const said = fact.type === 'spawned' ? 'has been started after all' : lateEnd(fact);
    this.#deps.sink.news?.({ type: 'late', fact: fact.type, said });
    if (fact.type === 'ended') this.#told = { fact, era: this.#claim.era };
  }

  /** Answers once; an earlier process may have done so already. */
  async #sendLacked(lacks: LackedCode): Promise<void> {
    const { code, fleet, key, agent, sink } = this.#deps;
    const name = `${key.project}.${key.sessionId}.${key.agentId}.${key.attempt}`;
    while (!this.#isOver && sink.isOwned() && !this.#wishes.hasCode) {
      try {
        const blob = await code.sendLacked(fleet, name, agent, lacks);
        return await this.#wishes.change({ code: { how: 'sent', blob } });
      } catch (error) {
        this.#note('error', 'the code that a host lacks could not be sent', error);
        if (error instanceof MaosError)
          return this.#wishes.change({ code: { how: 'failed', reason: error.message } }).catch(() => {});
        await pause(this.#deps.clock, againMs);
      }
    }
  }

  async #stop(graceMs: number): Promise<StopReport> {
    const since = this.#deps.clock.elapsedMs();
    this.#wishes
      .change({ stop: { graceMs } })
      .catch((error: unknown) => this.#note('error', 'an agent could not be asked to stop', error));
    const end = await this.#end.promise;
    const none = { signals: [], tookMs: this.#deps.clock.elapsedMs() - since };
    return this.#told?.fact.stop ?? { ...none, survivors: end.how === 'lost' ? 1 : 0 };
  }

  async #send(entry: InputEntry): Promise<void> {
    if (this.#isOver || this.#spawned?.takesInput !== true) {
      throw new MaosError('INVALID_TRANSITION', `Nothing can be sent to agent ${this.#deps.key.agentId}.`);
    }
    await this.#wishes.send(entry);
  }

  /** Settles when the host has fulfilled it. @throws MaosError INTERNAL if the host does not answer */
  async #obey(change: Partial<Wish>): Promise<void> {
    await this.#wishes.change(change);
    const { number } = this.#wishes;
    const until = this.#deps.clock.elapsedMs() + obeyMs;
    while (!this.#isOver && (this.#claim.stored?.claim.obeyed ?? 0) < number) {
      const left = until - this.#deps.clock.elapsedMs();
      if (left <= 0) {
        throw new MaosError('INTERNAL', `The host of agent ${this.#deps.key.agentId} does not answer.`);
      }
      await Promise.race([
        new Promise<void>((resolve) => this.#obeyed.push(resolve)),
        pause(this.#deps.clock, left),
      ]);
    }
  }

  async #openCalls(): Promise<AnsweredCalls> {
    const { key, folder, carryOut } = this.#deps;
    const answered = await this.#wishes.recall();
    return new AnsweredCalls(
      {
        ...{ folder, attempt: key.attempt, carryOut },
        give: (answer) => this.#wishes.answer(answer),
        trouble: (message, error) => this.#note('error', message, error),
      },
      answered,
    );
  }

  /** Looks whether its host is silent. */
  #look(): void {
    this.#cancelLook = this.#deps.clock.after(lookMs, () => {
      this.#judge()
        .catch((error: unknown) => this.#note('debug', 'the NATS server does not answer', error))
        .finally(() => {
          if (this.#isOver) return;
          if (this.#deps.sink.isOwned()) this.#look();
          else this.abandon();
        });
    });
  }

  async #judge(): Promise<void> {
    const verdict = await this.#claim.judge();
    if (verdict === 'lost') await this.#giveUp();
    if (verdict === 'never_started') await this.#finish(this.#neverStarted());
  }

  /** Wishes a stop as well, because the host may come back. */
  async #giveUp(): Promise<void> {
    await this.#wishes.change({ stop: { graceMs: 0 } });
    await this.#finish(this.#lost());
  }

  #lost(): AgentEnd {
    return { how: 'lost', at: this.#deps.clock.now() };
  }

  #neverStarted(): AgentEnd {
    return { how: 'never_started', at: this.#deps.clock.now() };
  }

  /** After a failure on this machine, such as a full disk, tries again from what was stored. */
  #trying(act: () => void): void {
    try {
      act();
    } catch (error) {
      this.#note('error', 'the output of an agent could not be stored; it is read again', error);
      this.#stopFollowing();
      this.#followAgain();
    }
  }

  #followAgain(): void {
    this.#stopFollowing = this.#deps.clock.after(againMs, () => {
      if (this.#isOver || !this.#deps.sink.isOwned()) return this.abandon();
      this.#cancelLook();
      this.follow().catch((cause: unknown) => {
        this.#note('warn', 'an agent is not followed yet', cause);
        this.#stopFollowing();
        this.#followAgain();
      });
    });
  }

  #note(level: LogLevel, message: string, error?: unknown): void {
    const { log, key } = this.#deps;
    const more = error === undefined ? {} : { error: String(error) };
    log.log(level, message, { agentId: key.agentId, attempt: key.attempt, ...more });
  }
}

function lateEnd({ end, refusal }: ToldEnd): string {
  if (refusal !== null) return `was refused: ${refusal}`;
  if (end.how !== 'exited') return end.how === 'lost' ? 'has ended without a record' : 'was never started';
  const how = end.signal === null ? `with status ${end.exitCode}` : `by ${end.signal}`;
  return `has ended ${how} at ${end.at}`;
}
