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
  HostedWork,
  HostFact,
  LackedCode,
  StoredClaim,
  Wish,
} from '../../application/ports/fleet.ts';
import type { SharedFiles } from '../../application/ports/hosting.ts';
import type { Log } from '../../application/ports/log.ts';
import {
  maxCallBytes,
  type TeamAnswer,
  type TeamCall,
  type TeamOutcome,
} from '../../application/ports/team-calls.ts';
import type { Agent } from '../../domain/agent.ts';
import { isMaosError, MaosError } from '../../domain/errors.ts';
import { AnsweredCalls } from './answered-calls.ts';
import type { HomeCode } from './home-code.ts';
import type { Mirror } from './mirror.ts';
import type { OfferLedger } from './offer-ledger.ts';

export interface RemoteAttemptDeps {
  readonly fleet: Fleet;
  readonly key: AttemptKey;
  readonly agent: Agent;
  /** The agent's folder at home. */
  readonly folder: string;
  /** Who may have taken it. */
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
  /** Called once, when nothing more is needed of the engine. */
  released(): void;
}

type Ended = Extract<HostFact, { type: 'ended' }>;

const lookMs = 3_000;
const againMs = 1_000;
/** How long a host may take to tell again what it has told in the middle of a loss. */
const againToldMs = 15_000;
/** How often to try what fails on this machine. */
const mostTries = 60;
/** How long a host may take to suspend or resume an agent. */
const obeyMs = 15_000;
/** How long what an agent was measured to use counts as current; its host tells it every 10 s. */
const useHoldsMs = 35_000;

/** Nobody can claim an attempt after this. In the place of a host's claim: its home has the end. */
const calledBack = { host: null, incarnation: '', epoch: 0, phase: 'ended', obeyed: 0 } as const;
/** As that, but a host may have started it. */
const givenUp = { ...calledBack, phase: 'spawning' } as const;

/** One attempt on another machine, as its home sees and steers it. */
export class RemoteAttempt {
  readonly #deps: RemoteAttemptDeps;
  readonly #begun = Promise.withResolvers<void>();
  readonly #end = Promise.withResolvers<AgentEnd>();
  #mirror: Mirror | null = null;
  #stored: StoredClaim | null = null;
  #spawned: Extract<HostFact, { type: 'spawned' }> | null = null;
  #told: Ended | null = null;
  #toldIn: string | null = null;
  /** It has ended, and what its host has of it is fetched. */
  #isFetching = false;
  #missedSince: number | null = null;
  #used: { readonly sample: ResourceSample; readonly heardAt: number } | null = null;
  #wish: Wish = { number: 0, isPaused: false, stop: null, input: [], isInputOver: false, answers: [] };
  /** In which wish each entry and answer came first. */
  readonly #since = new Map<string, number>();
  #calls: AnsweredCalls | null = null;
  #wishing: Promise<void> = Promise.resolve();
  #obeyed: (() => void)[] = [];
  #stopFollowing = (): void => {};
  #cancelLook = (): void => {};
  #silentSince: number | null = null;
  /** Since when a claim is only `claimed`. */
  #waiting: { readonly revision: number; readonly since: number } | null = null;
  #isOver = false;
  /** In which it was looked at last; null: it is not followed yet. */
  #era: string | null = null;
  /** It was claimed, and the engine has lost that. */
  #isForgotten = false;

  constructor(deps: RemoteAttemptDeps) {
    this.#deps = deps;
  }

  /** Settles when it has been started, or its end is known. */
  get begun(): Promise<void> {
    return this.#begun.promise;
  }

  /** Whether it may be offered: nobody has claimed it, and nobody can have in an earlier era. */
  mayBeOffered(era: string): boolean {
    return this.#stored === null && this.#deps.offers.isCurrent(era);
  }

  /** Unless a host has claimed it, nobody will. */
  async callBack(): Promise<void> {
    const { fleet, key, offers } = this.#deps;
    const era = await fleet.era();
    if (!offers.isCurrent(era)) return;
    // Made too late, in another era, it would call back what a host has claimed in this one.
    await fleet.claim(key, { ...calledBack, era });
  }

  /** Why it could not be started; null: nothing is known of a failure. */
  get refusal(): string | null {
    return this.#told?.refusal ?? null;
  }

  /** May be repeated when it fails: nothing has been delivered to the sink then. */
  async follow(): Promise<void> {
    const { key, fleet } = this.#deps;
    this.#era ??= await fleet.era();
    // The mirror delivers what it has when it is opened: last, after everything that may fail.
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
    const host = this.#stored?.claim.host ?? 'another machine';
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
      closeInput: () => this.#desire({ isInputOver: true }),
      sample: async () => this.#recentUse(),
      memory: async () => null,
    };
  }

  /** Not followed any more; it goes on. */
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
    this.#stored = stored;
    this.#isForgotten = false;
    if (this.#wish.number > 0 && stored.claim.obeyed > this.#wish.number) this.#outbid(stored.claim.obeyed);
    else this.#drop(stored.claim.obeyed);
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
    if (fact.type === 'ended') this.#toldIn = this.#era;
    if (this.#isFetching) {
      // The engine has lost what was told first.
      if (fact.type === 'ended') this.#told = fact;
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
    this.#told = fact;
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
    if (this.#told !== null && this.#mirror?.has(this.#told.printed)) void this.#finish(this.#told.end);
  }

  async #finish(end: AgentEnd): Promise<void> {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#calls?.end();
    this.#cancelLook();
    const { sink } = this.#deps;
    this.#isFetching = this.#told !== null;
    await this.#fetchFiles();
    const isTaken = await this.#takeWork(end);
    this.#isFetching = false;
    if (end.how !== 'lost') this.#stopFollowing();
    // The next owner takes it: with a recorded end, it would not.
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
    // Its folder tells how it exited, its claim that it was called back. Other ends are known only from there, until the
    // home has stored them.
    const isCalledBack = end.how === 'never_started' && this.#told === null;
    if (isCalledBack || (end.how === 'exited' && isTaken)) {
      await this.#wishing;
      await this.#forget();
    }
    if (end.how === 'lost') this.#awaitLateFacts();
    else this.#deps.released();
  }

  /** Tells its host that the home has everything, so that this is not told again. */
  async #forget(): Promise<void> {
    const { fleet, key, sink } = this.#deps;
    while (sink.isOwned()) {
      try {
        const stored = await fleet.claimOf(key);
        if (stored === null) await fleet.claim(key, calledBack);
        else if (stored.claim.host !== null) await fleet.renew(key, calledBack, stored.revision);
        return await fleet.forget(key);
      } catch (error) {
        this.#note('warn', 'nothing was removed from the NATS server', error);
        await this.#wait(againMs);
      }
    }
  }

  /** As long as the session goes on: what its host still tells is kept, and never applied. */
  #awaitLateFacts(): void {
    if (this.#told === null && this.#deps.sink.isOwned()) {
      this.#wishAgain().catch((error: unknown) =>
        this.#note('debug', 'the NATS server does not answer', error),
      );
      this.#cancelLook = this.#deps.clock.after(lookMs, () => this.#awaitLateFacts());
      return;
    }
    this.#stopFollowing();
    this.#deps.released();
  }

  /** What is not to run must end, also if the engine has lost that. */
  async #wishAgain(): Promise<void> {
    const { fleet, key } = this.#deps;
    const era = await fleet.era();
    if (era !== this.#era) await fleet.desire(key, this.#wish);
    this.#era = era;
  }

  #hearLate(fact: HostFact): void {
    if (fact.type !== 'spawned' && fact.type !== 'ended') return;
    const said = fact.type === 'spawned' ? 'has been started after all' : lateEnd(fact);
    this.#deps.sink.news?.({ type: 'late', fact: fact.type, said });
    if (fact.type === 'ended') this.#told = fact;
  }

  /** Once: an earlier process may have answered already. */
  async #sendLacked(lacks: LackedCode): Promise<void> {
    const { code, fleet, key, agent, sink } = this.#deps;
    const name = `${key.project}.${key.sessionId}.${key.agentId}.${key.attempt}`;
    while (!this.#isOver && sink.isOwned() && this.#wish.code === undefined) {
      try {
        const blob = await code.sendLacked(fleet, name, agent, lacks);
        return await this.#desire({ code: { how: 'sent', blob } });
      } catch (error) {
        this.#note('error', 'the code that a host lacks could not be sent', error);
        if (error instanceof MaosError)
          return this.#desire({ code: { how: 'failed', reason: error.message } }).catch(() => {});
        await this.#wait(againMs);
      }
    }
  }

  async #fetchFiles(): Promise<void> {
    const { fleet, files, key, agent } = this.#deps;
    while (this.#told !== null && this.#told.files !== null) {
      try {
        await files.unpack(key.sessionId, agent.name, await fleet.get(this.#told.files));
        return;
      } catch (error) {
        this.#note('error', 'the files of an agent could not be fetched', error);
        const isFinal = error instanceof MaosError && !(await this.#comesAgain(error));
        if (isFinal || !this.#deps.sink.isOwned()) return;
        await this.#wait(againMs);
      }
    }
  }

  /** Whether a blob has gone with everything else on the engine, so that its host sends another one. */
  async #comesAgain(error: unknown): Promise<boolean> {
    const { fleet, clock, lostAfterMs } = this.#deps;
    if (!isMaosError(error, 'INVALID_INPUT')) return false;
    const isSame = (await fleet.era().catch(() => null)) === this.#toldIn;
    const { host, incarnation } = this.#stored?.claim ?? { host: null, incarnation: '' };
    const isBeating = host !== null && (await fleet.lastBeat(host, incarnation).catch(() => null)) !== null;
    if (isBeating && !isSame) this.#missedSince = null;
    this.#missedSince ??= clock.elapsedMs();
    return clock.elapsedMs() - this.#missedSince < (isSame ? againToldMs : lostAfterMs);
  }

  /** Before the end is recorded, either the work is in the repository, or why it is not. @returns whether it is */
  async #takeWork(end: AgentEnd): Promise<boolean> {
    const { agent, code, fleet, sink } = this.#deps;
    if (agent.workspace !== 'worktree' || this.#told === null || end.how === 'never_started') return true;
    const getFile: Fleet['getFile'] = (blob, path) => fleet.getFile(blob, path);
    for (let tries = 1; sink.isOwned(); tries++) {
      const { work } = this.#told;
      const problem = await code.take(agent, work, getFile).then(() => null, toError);
      if (problem === null) {
        this.#noteUnkept(work);
        return true;
      }
      this.#note('error', 'the work of an agent could not be taken', problem);
      const isFinal = isMaosError(problem, 'FORBIDDEN') || isMaosError(problem, 'INVALID_INPUT');
      const isOutOfTries = isFinal || (isMaosError(problem) && tries >= mostTries);
      if (isOutOfTries && !(await this.#comesAgain(problem))) {
        const unwritten = await code.refuse(agent, problem.message).then(() => null, toError);
        if (unwritten === null) return false;
        this.#note('error', 'why the work of an agent is refused could not be stored', unwritten);
      }
      await this.#wait(againMs);
    }
    return false;
  }

  #noteUnkept(work: HostedWork | null): void {
    if (work?.how !== 'taken' || work.unkept.length === 0) return;
    const message = 'some of an agent’s work cannot be committed; it stays on its host';
    this.#note('warn', message, work.unkept.join(', '));
  }

  async #stop(graceMs: number): Promise<StopReport> {
    const since = this.#deps.clock.elapsedMs();
    void this.#desire({ stop: { graceMs } }).catch((error: unknown) =>
      this.#note('error', 'an agent could not be asked to stop', error),
    );
    const end = await this.#end.promise;
    const none = { signals: [], tookMs: this.#deps.clock.elapsedMs() - since };
    return this.#told?.stop ?? { ...none, survivors: end.how === 'lost' ? 1 : 0 };
  }

  async #send({ id, bytes }: InputEntry): Promise<void> {
    if (this.#isOver || this.#spawned?.takesInput !== true) {
      throw new MaosError('INVALID_TRANSITION', `Nothing can be sent to agent ${this.#deps.key.agentId}.`);
    }
    if (this.#since.has(entryName(id))) return;
    const entry = { id, base64: Buffer.from(bytes).toString('base64') };
    await this.#desire({ input: [...this.#wish.input, entry] }, entryName(id));
  }

  /** Settles when the host has done it. @throws MaosError INTERNAL if it does not answer */
  async #obey(change: Partial<Wish>): Promise<void> {
    await this.#desire(change);
    const { number } = this.#wish;
    const until = this.#deps.clock.elapsedMs() + obeyMs;
    while (!this.#isOver && (this.#stored?.claim.obeyed ?? 0) < number) {
      const left = until - this.#deps.clock.elapsedMs();
      if (left <= 0) {
        throw new MaosError('INTERNAL', `The host of agent ${this.#deps.key.agentId} does not answer.`);
      }
      await Promise.race([new Promise<void>((resolve) => this.#obeyed.push(resolve)), this.#wait(left)]);
    }
  }

  /** Goes on with what an earlier process of this home has wished. */
  async #openCalls(): Promise<AnsweredCalls> {
    const { fleet, key, folder, carryOut } = this.#deps;
    this.#wish = (await fleet.desired(key)) ?? this.#wish;
    for (const { id } of this.#wish.input) this.#since.set(entryName(id), this.#wish.number);
    for (const { call } of this.#wish.answers) this.#since.set(answerName(call), this.#wish.number);
    return new AnsweredCalls(
      {
        ...{ folder, attempt: key.attempt, carryOut },
        give: (answer) => this.#give(answer),
        trouble: (message, error) => this.#note('error', message, error),
      },
      this.#wish.answers.map(({ call }) => call),
    );
  }

  /** Answers wait for one another if together they would be too large. */
  async #give(answer: TeamAnswer): Promise<void> {
    const size = Buffer.byteLength(JSON.stringify(answer));
    while (!this.#isOver && Buffer.byteLength(JSON.stringify(this.#wish.answers)) + size > maxCallBytes)
      await this.#wait(againMs);
    await this.#desire({ answers: [...this.#wish.answers, answer] }, answerName(answer.call));
  }

  /** Its host has obeyed a wish of an earlier process that the engine has lost: what is wished now has too low a number. */
  #outbid(obeyed: number): void {
    for (const name of this.#since.keys()) this.#since.set(name, obeyed + 1);
    void this.#desire({}).catch((error: unknown) => this.#note('warn', 'a wish could not be stored', error));
  }

  /** The host has everything up to this wish. */
  #drop(obeyed: number): void {
    const isLeft = (name: string): boolean => (this.#since.get(name) ?? 0) > obeyed;
    this.#wish = {
      ...this.#wish,
      input: this.#wish.input.filter(({ id }) => isLeft(entryName(id))),
      answers: this.#wish.answers.filter(({ call }) => isLeft(answerName(call))),
    };
  }

  /** One after the other, so that the last number stands for everything before it. */
  #desire(change: Partial<Wish>, added?: string): Promise<void> {
    const { fleet, key, clock, sink } = this.#deps;
    const latest = Math.max(this.#wish.number, this.#stored?.claim.obeyed ?? 0, Date.parse(clock.now()));
    this.#wish = { ...this.#wish, ...change, number: latest + 1 };
    if (added !== undefined) this.#since.set(added, latest + 1);
    const wish = this.#wish;
    const stored = this.#wishing.then(async () => {
      while (!this.#isOver && sink.isOwned()) {
        try {
          return await fleet.desire(key, wish);
        } catch (error) {
          if (error instanceof MaosError) throw error;
          this.#note('warn', 'a wish could not be stored', error);
          await this.#wait(againMs);
        }
      }
    });
    this.#wishing = stored.catch(() => {});
    return stored;
  }

  /** Whether its host is heard of. */
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
    const { fleet, offers } = this.#deps;
    const era = await fleet.era();
    if (era !== this.#era) await this.#enter(era);
    await this.#lookForClaim();
    const stored = this.#stored;
    if (this.#isForgotten || (stored === null && !offers.isCurrent(era))) return this.#judgeForgotten(era);
    if (stored === null && !this.#deps.isOffered) return this.callBack();
    if (stored === null || stored.claim.host === null) return;
    const { host, incarnation, phase } = stored.claim;
    // An end that was told only lacks the rest of its output.
    if (phase === 'ended' && this.#told !== null) return;
    if (phase === 'claimed' && this.#isStuck(stored)) return this.#takeBack(stored, era);
    if ((await fleet.lastBeat(host, incarnation)) !== null) return this.#heardOf();
    if (!this.#isSilent(`host ${host} is not heard of`)) return;
    if (phase === 'claimed' && offers.isCurrent(era)) return this.#takeBack(stored, era);
    await this.#giveUp();
  }

  /** A claim whose host goes on with nothing: it was sent again, and arrived after the host had removed it. */
  #isStuck({ revision }: StoredClaim): boolean {
    const now = this.#deps.clock.elapsedMs();
    if (this.#waiting?.revision !== revision) this.#waiting = { revision, since: now };
    return now - this.#waiting.since >= this.#deps.lostAfterMs;
  }

  /** Before 'spawning' the host cannot have started it, and from now on it cannot any more. */
  async #takeBack({ revision }: StoredClaim, era: string): Promise<void> {
    const { fleet, key, offers } = this.#deps;
    if (!offers.isCurrent(era)) {
      await fleet.unclaim(key, revision);
      this.#stored = null;
    } else if ((await fleet.renew(key, calledBack, revision)) !== null)
      await this.#finish(this.#neverStarted());
  }

  /** A host removes a claim that it has made in another era than the offer was for. */
  async #lookForClaim(): Promise<void> {
    const { fleet, key } = this.#deps;
    const stored = this.#stored;
    if (stored?.claim.phase !== 'claimed' || (await fleet.claimOf(key)) !== null) return;
    if (this.#stored === stored) this.#stored = null;
  }

  /** In another era than before, the engine has nothing of this attempt but what has been told again. */
  async #enter(era: string): Promise<void> {
    const { fleet, key } = this.#deps;
    const stored = await fleet.claimOf(key);
    if (stored !== null) this.#claimed(stored);
    else this.#isForgotten = this.#stored !== null;
    if (this.#wish.number > 0) await fleet.desire(key, this.#wish);
    this.#era = era;
  }

  /** The engine has lost the claim, if there was one: only the hosts know whether one of them has it. */
  async #judgeForgotten(era: string): Promise<void> {
    const { fleet, key, offers } = this.#deps;
    const isBegun = this.#spawned !== null || (this.#stored?.claim.phase ?? 'claimed') !== 'claimed';
    if (!isBegun && (await offers.isFree(fleet, key, era))) {
      this.#stored = null;
      this.#isForgotten = false;
      this.#heardOf();
      return;
    }
    const hosts = this.#stored?.claim.host ?? offers.hosts.join(', ');
    const reason = `the NATS server has lost what it had stored, and has not heard yet from host ${hosts}`;
    if (!this.#isSilent(reason)) return;
    // If a host is faster, the claim is heard of.
    if ((await fleet.claim(key, givenUp)) !== null) await this.#giveUp();
  }

  #heardOf(): void {
    if (this.#silentSince !== null) this.#deps.sink.news?.({ type: 'reached' });
    this.#silentSince = null;
  }

  /** @returns whether it has been so for too long */
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

  /** If its host comes back, it stops what nobody waits for. */
  async #giveUp(): Promise<void> {
    await this.#desire({ stop: { graceMs: 0 } });
    await this.#finish(this.#lost());
  }

  #lost(): AgentEnd {
    return { how: 'lost', at: this.#deps.clock.now() };
  }

  #neverStarted(): AgentEnd {
    return { how: 'never_started', at: this.#deps.clock.now() };
  }

  /** What fails here, such as a full disk, is tried again from what is there. */
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

  #wait(ms: number): Promise<void> {
    return new Promise((resolve) => {
      this.#deps.clock.after(ms, resolve);
    });
  }

  #note(level: 'debug' | 'info' | 'warn' | 'error', message: string, error?: unknown): void {
    const { log, key } = this.#deps;
    const more = error === undefined ? {} : { error: String(error) };
    log.log(level, message, { agentId: key.agentId, attempt: key.attempt, ...more });
  }
}

function lateEnd({ end, refusal }: Ended): string {
  if (refusal !== null) return `was refused: ${refusal}`;
  if (end.how !== 'exited') return end.how === 'lost' ? 'has ended without a record' : 'was never started';
  const how = end.signal === null ? `with status ${end.exitCode}` : `by ${end.signal}`;
  return `has ended ${how} at ${end.at}`;
}

function toError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}

function entryName(id: string): string {
  return `entry ${id}`;
}

function answerName(call: string): string {
  return `answer ${call}`;
}
