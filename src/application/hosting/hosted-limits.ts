import type { Agent } from '../../domain/agent.ts';
import { isMaosError } from '../../domain/errors.ts';
import { plausibleRetry } from '../../domain/quota.ts';
import { usageNow } from '../../domain/running-agents.ts';
import type { LimitReached, ResourceSample, RunningAgent } from '../ports/agent-host.ts';
import type { Backends, OutputParser } from '../ports/backend.ts';
import type { Clock } from '../ports/clock.ts';
import type { HostedRecord } from '../ports/hosting.ts';
import type { Log } from '../ports/log.ts';
import { budgetStop } from '../session/budget-watch.ts';
import { LimitsWatch, type MeasuredRun } from '../session/limits-watch.ts';
import { type StopCause, timeLimit } from '../session/stop-cause.ts';

interface HostedLimitsDeps {
  readonly backends: Backends;
  readonly clock: Clock;
  readonly log: Log;
  /** Called at most once, with the limit for which the agent must end. */
  exceeded(limit: LimitReached): void;
  /** What its processes use, every few seconds. */
  used(sample: ResourceSample): void;
}

/** How often to report what it uses: more often at first. */
const firstTellMs = 1_000;
const tellMs = 10_000;

/** Measures a hosted attempt, and enforces its limits of time, memory and spending, because its home may be away. */
export class HostedLimits implements MeasuredRun {
  readonly agent: Agent;
  readonly idleCpuShare = undefined;
  /** Keeps this host from judging whether it is stuck, which its home does. */
  readonly isAwaiting = true;
  readonly #deps: HostedLimitsDeps;
  readonly #parser: OutputParser | null;
  readonly #watch: LimitsWatch;
  readonly #runs = new Map<Agent['id'], MeasuredRun>();
  readonly #from: number;
  readonly #ranBeforeMs: number;
  #suspendedMs = 0;
  #suspendedSince: number | null;
  #running: RunningAgent | null = null;
  #isOver = false;
  #tellAt = 0;
  #pauseMs = firstTellMs;
  #cancelTimer = (): void => {};

  constructor({ order, since, suspended }: HostedRecord, deps: HostedLimitsDeps) {
    const { agent } = order;
    const { clock, log } = deps;
    this.agent = agent;
    this.#deps = deps;
    this.#parser = parserFor(agent, deps.backends);
    this.#watch = new LimitsWatch(
      { limits: { stallMs: null, maxOutputBytes: null }, clock, log },
      this.#runs,
    );
    this.#from = clock.elapsedMs();
    this.#suspendedSince = suspended.since === null ? null : this.#from;
    const until = Date.parse(suspended.since ?? clock.now());
    this.#ranBeforeMs = Math.max(0, until - Date.parse(since) - suspended.ms);
  }

  /** What it prints, from its first byte. */
  push(chunk: Uint8Array): void {
    if (this.#parser === null) return;
    this.#parser.push(chunk);
    if (this.#running !== null) this.#judge();
  }

  begin(running: RunningAgent): void {
    this.#running = running;
    this.#runs.set(this.agent.id, this);
    this.#watch.watch();
    this.#judge();
    this.#arm();
  }

  suspend(): void {
    this.#suspendedSince ??= this.#deps.clock.elapsedMs();
    this.#arm();
  }

  resume(): void {
    if (this.#suspendedSince === null) return;
    this.#suspendedMs += this.#deps.clock.elapsedMs() - this.#suspendedSince;
    this.#suspendedSince = null;
    this.#arm();
  }

  /** Call it when the agent has ended, or another process supervises it. */
  end(): void {
    this.#isOver = true;
    this.#watch.stop();
    this.#cancelTimer();
  }

  async sample(): Promise<ResourceSample | null> {
    if (this.#isOver || this.#suspendedSince !== null) return null;
    const sample = (await this.#running?.sample()) ?? null;
    const now = this.#deps.clock.elapsedMs();
    if (sample !== null && now >= this.#tellAt) {
      this.#tellAt = now + this.#pauseMs;
      this.#pauseMs = Math.min(2 * this.#pauseMs, tellMs);
      this.#deps.used(sample);
    }
    return sample;
  }

  async memory(): Promise<number | null> {
    return (await this.#running?.memory()) ?? null;
  }

  stop(cause: StopCause): void {
    if (this.#isOver || cause.kind !== 'limit') return;
    const { failure } = cause;
    if (failure !== 'timeout' && failure !== 'memory_limit' && failure !== 'budget_exceeded') return;
    this.end();
    this.#deps.exceeded({ failure, explanation: cause.explain(this.#usage(), this.#ranMs()) });
  }

  /** When the provider that has refused it accepts requests again; null: no refusal, or none with a time. */
  get refusedUntil(): string | null {
    const verdict = this.#parser?.parsed().verdict ?? null;
    return verdict?.kind === 'rate_limited' ? plausibleRetry(verdict.retryAt, this.#deps.clock.now()) : null;
  }

  #judge(): void {
    if (this.#isOver) return;
    const { timeoutMs } = this.agent;
    const ranMs = this.#ranMs();
    const isTimeUp = timeoutMs !== null && ranMs >= timeoutMs;
    const cause = isTimeUp ? timeLimit(timeoutMs) : budgetStop(this.agent, this.#usage(), ranMs);
    if (cause !== null) this.stop(cause);
  }

  /** Sets the timer for its next time limit. */
  #arm(): void {
    this.#cancelTimer();
    if (this.#isOver || this.#running === null || this.#suspendedSince !== null) return;
    const { timeoutMs, budget } = this.agent;
    const limitMs = Math.min(timeoutMs ?? Infinity, budget.maxWallMs ?? Infinity);
    if (limitMs === Infinity) return;
    const leftMs = Math.max(0, limitMs - this.#ranMs());
    this.#cancelTimer = this.#deps.clock.after(leftMs, () => {
      this.#judge();
      this.#arm();
    });
  }

  #usage() {
    const parsed = this.#parser?.parsed();
    return usageNow(this.agent, parsed?.usage ?? null, parsed?.conversation ?? null);
  }

  #ranMs(): number {
    const until = this.#suspendedSince ?? this.#deps.clock.elapsedMs();
    return this.#ranBeforeMs + until - this.#from - this.#suspendedMs;
  }
}

/** Null for a backend that this host does not have, and so does not run. */
function parserFor(agent: Agent, backends: Backends): OutputParser | null {
  try {
    return backends.get(agent.backend).makeParser(agent);
  } catch (error) {
    if (isMaosError(error, 'INVALID_INPUT')) return null;
    throw error;
  }
}
