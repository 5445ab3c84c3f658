import { isMaosError, MaosError } from '../../domain/errors.ts';
import type { OutputStream } from '../ports/agent-disk.ts';
import type {
  AgentEnd,
  LaunchKey,
  LimitReached,
  OutputSink,
  ResourceSample,
  RunningAgent,
  StopReport,
} from '../ports/agent-host.ts';
import type { Backends } from '../ports/backend.ts';
import type { Clock } from '../ports/clock.ts';
import {
  type BlobName,
  type Fleet,
  type LackedCode,
  maxAppendBytes,
  type SentCode,
  type StoredClaim,
  type Wish,
} from '../ports/fleet.ts';
import type { HostedPlace, HostedRecord, HostedRecords } from '../ports/hosting.ts';
import type { Log } from '../ports/log.ts';
import type { CallBox } from '../ports/team-calls.ts';
import type { Checkout } from '../ports/workspaces.ts';
import type { Project } from '../project.ts';
import { HostedCalls } from './hosted-calls.ts';
import { HostedClaim } from './hosted-claim.ts';
import { hasConversation, prepareOrder } from './hosted-launch.ts';
import { HostedLimits } from './hosted-limits.ts';
import { sendFiles, sendWork } from './hosted-results.ts';
import { getting, pause, persist } from './persist.ts';

export interface HostedAttemptDeps {
  readonly fleet: Fleet;
  readonly records: HostedRecords;
  readonly backends: Backends;
  readonly place: HostedPlace;
  readonly clock: Clock;
  readonly log: Log;
  readonly graceMs: number;
  /** A provider refuses this host until then. */
  refused(backend: string, until: string): Promise<void>;
  /** Connects agents to their team. */
  readonly teamServer: Project['agentServer'];
  /** Aborts when this process ends; the agent keeps running. */
  readonly signal: AbortSignal;
}

/** How often to poll stderr, for which there are no notifications. */
const lookMs = 250;
const againMs = 1_000;
/** How often to look whether the home has stored the end. */
const firstConfirmMs = 1_000;
const lastConfirmMs = 30_000;
/** How long the NATS server keeps reports. */
const mostConfirmMs = 7 * 86_400_000;
const streams = ['stdout', 'stderr'] as const satisfies readonly OutputStream[];

/**
 * One attempt on this host: starts or adopts it, publishes its output, fulfils the home's wishes and reports its end.
 * If the NATS server loses its data, everything is claimed and reported again.
 */
export class HostedAttempt {
  readonly #limits: HostedLimits;
  readonly #calls: HostedCalls;
  readonly #deps: HostedAttemptDeps;
  readonly #key: LaunchKey;
  readonly #box: CallBox;
  #record: HostedRecord;
  readonly #claim: HostedClaim;
  #running: RunningAgent | null = null;
  #stop: StopReport | null = null;
  #stopping: Promise<void> = Promise.resolve();
  #ring = (): void => {};
  /** Wishes are fulfilled one after the other. */
  #obeying: Promise<void> = Promise.resolve();
  /** Number of the latest wish. */
  #wished = 0;
  #isOver = false;
  readonly #onAbort = (): void => this.#limits.end();
  #isStarted = true;
  #isStartTold = false;
  /** Counts how often the NATS server has lost everything. */
  #era = 0;
  #refusal: string | null = null;
  #ended: Promise<AgentEnd> = Promise.withResolvers<AgentEnd>().promise;
  #stopListening = (): void => {};

  constructor(record: HostedRecord, stored: StoredClaim, deps: HostedAttemptDeps) {
    const { sessionId, agentId, attempt } = record.key;
    this.#record = record;
    this.#key = { sessionId, agentId, attempt };
    this.#deps = deps;
    const { backends, clock, log, signal, fleet, place } = deps;
    this.#claim = new HostedClaim(stored, {
      ...{ fleet, clock, log, signal, key: record.key },
      forgotten: () => this.#enterEra(),
      settled: () => this.#stopUnwanted(),
    });
    this.#limits = new HostedLimits(record, {
      ...{ backends, clock, log },
      exceeded: (limit) => void this.#exceeded(limit),
      used: (sample) => void this.#tellUse(sample),
    });
    signal.addEventListener('abort', this.#onAbort);
    this.#box = place.calls(this.#key);
    this.#calls = new HostedCalls({ ...{ fleet, clock, log, signal, box: this.#box }, key: record.key });
  }

  /**
   * Starts it; it is recorded and claimed as `spawning`. Settles when its end has been told.
   * @param era in which it was offered; null: not known
   */
  start(era: string | null): Promise<void> {
    return this.#run(() => this.#launch(era));
  }

  /** Refuses it without a start. */
  refuse(reason: string): Promise<void> {
    return this.#run(async () => ({ running: await this.#attach(), refusal: reason }));
  }

  /** Takes over from an earlier process of this host. If that had not started the agent, it never starts. */
  adopt(): Promise<void> {
    return this.#run(async () => ({ running: await this.#attach(), refusal: null }));
  }

  /** Ends the agent, whose result nobody waits for, and removes its record. */
  async discard(): Promise<void> {
    this.#claim.settle();
    const running = await this.#attach();
    await running.stop(0);
    await running.ended;
    await this.#remove();
  }

  /** The NATS server has lost what it had stored. Settles when the attempt is claimed again. */
  async claimAgain(): Promise<void> {
    // First: if the answer to a new claim was lost, nothing else notices before the attempt counts as reported.
    this.#enterEra();
    await this.#claim.renewInNewEra();
  }

  /** Reports everything again. */
  #enterEra(): void {
    this.#era += 1;
    this.#ring();
  }

  async #run(begin: () => Promise<{ running: RunningAgent; refusal: string | null }>): Promise<void> {
    const { fleet } = this.#deps;
    const isTold = this.#claim.phase === 'ended';
    const { running, refusal } = await begin();
    this.#running = running;
    this.#refusal = refusal;
    this.#ended = running.ended.then((end) => {
      this.#isOver = true;
      this.#ring();
      return end;
    });
    this.#isStarted = !(await wasNeverStarted(running));
    if (isTold) return;
    if (this.#claim.isSettled) this.#stopUnwanted();
    // First: its limits hold while the NATS server is away, too.
    if (!this.#isOver) this.#limits.begin(running);
    const era = this.#era;
    await this.#tellStart();
    this.#stopListening = await this.#persist('listening for wishes', () =>
      fleet.wishes(this.#record.key, (wish) => this.#obey(wish, running)),
    );
    if (!this.#isOver) this.#calls.begin();
    await this.#tellAll(era);
  }

  async #tellStart(): Promise<void> {
    const { fleet, place } = this.#deps;
    const { key, order } = this.#record;
    if (!this.#isStarted || this.#running === null) return;
    const { location, takesInput } = this.#running;
    const resumed = await hasConversation(order, place.host);
    await this.#persist('telling of a start', () =>
      fleet.tell(key, { type: 'spawned', location, takesInput, resumed }),
    );
    this.#isStartTold = true;
    await this.#claim.renew({ phase: 'running' });
  }

  /**
   * Reports its output while it runs, and its end, all in the same era.
   * @param startedIn the era in which its start was reported
   */
  async #tellAll(startedIn: number): Promise<void> {
    const { signal } = this.#deps;
    for (let told = startedIn; ; ) {
      const era = this.#era;
      if (told !== era) {
        await this.#tellStart();
        this.#calls.tellAgain();
        told = era;
      }
      const printed = await this.#publish(era);
      if (printed === null) continue;
      const end = await this.#ended;
      this.#limits.end();
      signal.removeEventListener('abort', this.#onAbort);
      this.#calls.end();
      this.#stopListening();
      await this.#obeying;
      await this.#stopping;
      await this.#tellEnd(end, printed, era);
      if (era === this.#era) return;
    }
  }

  async #tellEnd(end: AgentEnd, printed: Readonly<Record<OutputStream, number>>, era: number): Promise<void> {
    const { fleet } = this.#deps;
    const { key, limited } = this.#record;
    if (limited !== null) {
      await this.#persist('telling of a limit', () => fleet.tell(key, { type: 'limited', limit: limited }));
    }
    const until = this.#limits.refusedUntil;
    // First, so that the refusal is known before the home can order the next attempt.
    if (until !== null) await this.#deps.refused(this.#record.order.agent.backend, until);
    const files = this.#isStarted ? await sendFiles(this.#record, this.#deps) : null;
    const work = this.#isStarted ? await sendWork(this.#record, this.#deps) : null;
    const [stop, refusal] = [this.#stop, this.#refusal];
    const fact = { type: 'ended', end, stop, refusal, printed, files, work } as const;
    await this.#persist('telling of an end', () => fleet.tell(key, fact));
    if (era === this.#era) await this.#claim.renew({ phase: 'ended' });
  }

  /**
   * Call it after the end was reported. Settles when the home has stored the end, or is no longer expected to ask for
   * it, and everything of the attempt is removed.
   */
  async settle(): Promise<void> {
    const { fleet, clock, signal } = this.#deps;
    const { key } = this.#record;
    const until = clock.elapsedMs() + mostConfirmMs;
    let told = this.#era;
    for (let waitMs = firstConfirmMs; this.#isStarted && clock.elapsedMs() < until; ) {
      if (told !== this.#era) {
        told = this.#era;
        waitMs = firstConfirmMs;
        await this.#tellStart();
        await this.#tellAll(told);
      }
      const current = await this.#persist('looking whether an end is known', () => fleet.claimOf(key));
      if (this.#claim.isSettled || (current !== null && !this.#claim.isOf(current.claim.host))) break;
      const rung = new Promise<void>((resolve) => {
        this.#ring = resolve;
      });
      if (told === this.#era) await Promise.race([rung, pause(clock, waitMs, signal)]);
      waitMs = Math.min(2 * waitMs, lastConfirmMs);
      signal.throwIfAborted();
    }
    await this.#remove();
  }

  async #launch(era: string | null): Promise<{ running: RunningAgent; refusal: string | null }> {
    const { place, backends, teamServer } = this.#deps;
    const { order } = this.#record;
    const { agent, session } = order;
    try {
      const { host, files } = place;
      await host.makeRoom(agent);
      if (order.files !== null) {
        const blob = order.files;
        const archive = await getting(() => this.#deps.fleet.get(blob), this.#deps);
        await this.#deps.records.keepGiven(this.#record.key, archive);
        await files.unpack(session.id, null, archive);
      }
      const checkout = await this.#openWorktree();
      const calls = this.#box.open();
      const spec = await prepareOrder(order, { host, backends, checkout, teamServer, calls });
      return { running: await host.start(this.#key, agent, spec, this.#sink()), refusal: null };
    } catch (error) {
      this.#deps.signal.throwIfAborted();
      const reason = error instanceof Error ? error.message : String(error);
      this.#warn('an agent is refused', error);
      const running = await this.#attach();
      return { running, refusal: (await this.#isForgotten(error, era)) ? null : reason };
    }
  }

  /**
   * Whether a blob is missing because the NATS server has lost its data. Then its home sends new blobs with the next
   * attempt.
   */
  async #isForgotten(error: unknown, era: string | null): Promise<boolean> {
    if (era === null || !isMaosError(error, 'INVALID_INPUT')) return false;
    return (await this.#persist('asking for the era', () => this.#deps.fleet.era())) !== era;
  }

  /** Makes its worktree, unless the home wishes a stop meanwhile. */
  async #openWorktree(): Promise<Checkout | null> {
    const { fleet, place, signal } = this.#deps;
    const { key, order } = this.#record;
    const called = new AbortController();
    const sent = Promise.withResolvers<SentCode>();
    const stopListening = await this.#persist('listening for wishes', () =>
      fleet.wishes(key, ({ stop, code }) => {
        if (stop !== null) called.abort(new Error('It was cancelled before it started.'));
        if (code !== undefined) sent.resolve(code);
      }),
    );
    const either = AbortSignal.any([signal, called.signal]);
    const ask = async (code: LackedCode): Promise<BlobName> => {
      await this.#persist('asking for code', () => fleet.tell(key, { type: 'lacks', code }));
      const answer = await unlessAborted(sent.promise, either);
      if (answer.how === 'sent') return answer.blob;
      throw new MaosError('INVALID_INPUT', `Its home could not send the code: ${answer.reason}`);
    };
    try {
      const get = (blob: BlobName): Promise<Uint8Array> => getting(() => fleet.get(blob), this.#deps);
      const getFile: Fleet['getFile'] = (blob, path) => getting(() => fleet.getFile(blob, path), this.#deps);
      return await place.code.open(order, { get, getFile, ask }, either);
    } finally {
      stopListening();
    }
  }

  #attach(): Promise<RunningAgent> {
    return this.#deps.place.host.attach(this.#key, this.#record.order.agent, this.#sink());
  }

  #sink(): OutputSink {
    return {
      stdout: (chunk) => {
        this.#limits.push(chunk);
        this.#ring();
      },
      isOwned: () => !this.#deps.signal.aborted,
    };
  }

  /**
   * Publishes its output to the end, beginning with the first byte that the NATS server does not have.
   * @returns the bytes of each stream; null when the NATS server has lost its data
   */
  async #publish(era: number): Promise<Readonly<Record<OutputStream, number>> | null> {
    const { fleet, place, clock, signal } = this.#deps;
    const { key, order } = this.#record;
    const { host } = place;
    const { agent } = order;
    const sent = { stdout: 0, stderr: 0 };
    const from = { stdout: 0, stderr: 0 };
    for (const stream of streams) {
      from[stream] = (await host.outputStart(agent, key.attempt, stream)) ?? Number.NaN;
      sent[stream] = await this.#persist('asking for the output so far', () => fleet.appended(key, stream));
    }
    // It was never started.
    if (Number.isNaN(from.stdout)) return { stdout: 0, stderr: 0 };
    for (;;) {
      signal.throwIfAborted();
      if (era !== this.#era) return null;
      const wasOver = this.#isOver;
      const rung = new Promise<void>((resolve) => {
        this.#ring = resolve;
      });
      let hasMoved = false;
      for (const stream of streams) {
        const { bytes } = await host.readOutput(agent, stream, from[stream] + sent[stream], maxAppendBytes);
        if (bytes.length === 0) continue;
        sent[stream] = await this.#append(stream, sent[stream], bytes);
        hasMoved = true;
      }
      if (hasMoved) continue;
      if (wasOver) return sent;
      await Promise.race([rung, pause(clock, lookMs, signal)]);
    }
  }

  /** @returns how many bytes of the stream the NATS server has */
  #append(stream: OutputStream, offset: number, bytes: Uint8Array): Promise<number> {
    const { fleet } = this.#deps;
    const { key } = this.#record;
    let mayBeOff = false;
    return this.#persist('publishing output', async () => {
      if (mayBeOff) return fleet.appended(key, stream);
      mayBeOff = true;
      await fleet.append(key, stream, offset, bytes);
      return offset + bytes.length;
    });
  }

  #obey(wish: Wish, running: RunningAgent): void {
    const { log, clock, signal } = this.#deps;
    this.#wished = wish.number;
    this.#obeying = this.#obeying
      .then(async () => {
        if (this.#isOver || wish.number <= this.#claim.obeyed) return;
        await this.#fulfil(wish, running);
        await this.#claim.renew({ obeyed: wish.number });
      })
      .catch((error: unknown) => {
        log.log('warn', 'a wish of the home could not be fulfilled', {
          agentId: this.#key.agentId,
          wish: wish.number,
          error: String(error),
        });
        // An agent that can no longer be changed never can be again; other failures, such as a full disk, may pass.
        if (isMaosError(error, 'INVALID_TRANSITION')) return;
        clock.after(againMs, () => {
          if (!signal.aborted && !this.#isOver && this.#wished === wish.number) this.#obey(wish, running);
        });
      });
  }

  async #fulfil(wish: Wish, running: RunningAgent): Promise<void> {
    for (const answer of wish.answers) await this.#box.answer(answer);
    if (wish.stop !== null) {
      this.#stop = await running.stop(wish.stop.graceMs);
      return;
    }
    if (wish.isPaused) {
      await running.suspend();
      await this.#suspended();
    } else {
      await running.resume();
      await this.#resumed();
    }
    if (!running.takesInput) return;
    for (const { id, base64 } of wish.input) {
      await running.send({ id, bytes: Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0)) });
    }
    if (wish.isInputOver) await running.closeInput();
  }

  async #suspended(): Promise<void> {
    this.#limits.suspend();
    const { ms, since } = this.#record.suspended;
    if (since === null) await this.#note({ suspended: { ms, since: this.#deps.clock.now() } });
  }

  async #resumed(): Promise<void> {
    this.#limits.resume();
    const { ms, since } = this.#record.suspended;
    if (since === null) return;
    const lasted = Math.max(0, Date.parse(this.#deps.clock.now()) - Date.parse(since));
    await this.#note({ suspended: { ms: ms + lasted, since: null } });
  }

  /** Ends it without a wish of its home. The reason is stored first. */
  async #exceeded(limited: LimitReached): Promise<void> {
    const { graceMs, log } = this.#deps;
    this.#stopping = (async () => {
      await this.#note({ limited });
      const stop = await this.#running?.stop(graceMs);
      this.#stop ??= stop ?? null;
    })().catch((error: unknown) =>
      log.log('error', 'an agent beyond its limit could not be ended', {
        agentId: this.#key.agentId,
        error: String(error),
      }),
    );
    await this.#stopping;
  }

  /** Tries once, because a sample is outdated before the next try. */
  async #tellUse(sample: ResourceSample): Promise<void> {
    if (!this.#isStartTold) return;
    const { fleet, clock } = this.#deps;
    const used = { type: 'used', number: Date.parse(clock.now()), sample } as const;
    await fleet.tell(this.#record.key, used).catch(() => 'the next one says more');
  }

  async #note(change: Partial<HostedRecord>): Promise<void> {
    this.#record = { ...this.#record, ...change };
    await this.#deps.records.save(this.#record);
  }

  async #remove(): Promise<void> {
    this.#claim.settle();
    const { place, records } = this.#deps;
    await place.code
      .remove(this.#record.order)
      .catch((error: unknown) => this.#warn('the worktree of an agent was not removed', error));
    await records.remove(this.#record.key);
  }

  #stopUnwanted(): void {
    if (this.#isOver) return;
    this.#running?.stop(0).catch((error: unknown) => this.#warn('an agent could not be ended', error));
  }

  #warn(message: string, error: unknown): void {
    this.#deps.log.log('error', message, { agentId: this.#key.agentId, error: String(error) });
  }

  #persist<T>(what: string, act: () => Promise<T>): Promise<T> {
    return persist(what, act, this.#deps);
  }
}

/** @throws the signal's reason if it aborts first */
async function unlessAborted<T>(task: Promise<T>, signal: AbortSignal): Promise<T> {
  const aborted = Promise.withResolvers<never>();
  const end = (): void => aborted.reject(signal.reason);
  signal.addEventListener('abort', end, { once: true });
  if (signal.aborted) end();
  try {
    return await Promise.race([task, aborted.promise]);
  } finally {
    signal.removeEventListener('abort', end);
  }
}

/** Whether the launch was fenced: then `ended` has settled already. */
async function wasNeverStarted({ ended }: RunningAgent): Promise<boolean> {
  return (await Promise.race([ended, null]))?.how === 'never_started';
}
