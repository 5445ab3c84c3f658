import type { Agent } from '../../domain/agent.ts';
import type { AgentId } from '../../domain/ids.ts';
import type { ResourceSample } from '../ports/agent-host.ts';
import type { Clock } from '../ports/clock.ts';
import type { Log } from '../ports/log.ts';
import type { Settings } from '../ports/settings.ts';
import { mebibytes, outputLimit, type StopCause } from './stop-cause.ts';

/** Interval between measurements. */
const sampleMs = 3_000;
const shortestMs = 100;
/** On a busy machine, a measurement may be late by this much. */
const latenessMs = 5_000;
/**
 * Below this share of one processor an agent counts as idle, because waiting programs also use some CPU. One that polls
 * every few seconds uses more; a backend may declare that for its CLI.
 */
const idleShare = 0.002;
/** A few times the finest resolution in which systems count CPU time. */
const idleMs = 30;

/** What is measured and stopped: an agent's run. */
export interface MeasuredRun {
  readonly agent: Agent;
  /** See `Backend.idleCpuShare`. */
  readonly idleCpuShare: number | undefined;
  readonly isAwaiting: boolean;
  sample(): Promise<ResourceSample | null>;
  memory(): Promise<number | null>;
  stop(cause: StopCause): void;
}

/** The limits of all agents that measurements show. */
type MeasuredLimits = Pick<Settings['limits'], 'maxOutputBytes' | 'stallMs'>;

/** The last activity of an agent, and the measurement at that time. */
interface Mark extends ResourceSample {
  readonly at: number;
}

/**
 * Measures the agents of one session together every few seconds, and stops those beyond their limits: memory of the
 * process tree, output, and inactivity.
 */
export class LimitsWatch {
  readonly #limits: MeasuredLimits;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #runs: ReadonlyMap<AgentId, MeasuredRun>;
  readonly #marks = new Map<MeasuredRun, Mark>();
  /** The last measurement of each run that was judged. */
  readonly #judged = new WeakMap<MeasuredRun, ResourceSample>();
  readonly #everyMs: number;
  /** Milliseconds during which agents were measured regularly. */
  #watchedMs = 0;
  #lookedAt: number;
  #cancel: (() => void) | null = null;
  #isOff = false;

  constructor(
    deps: { readonly limits: MeasuredLimits; readonly clock: Clock; readonly log: Log },
    runs: ReadonlyMap<AgentId, MeasuredRun>,
  ) {
    this.#limits = deps.limits;
    this.#clock = deps.clock;
    this.#log = deps.log;
    this.#runs = runs;
    this.#lookedAt = deps.clock.elapsedMs();
    const { stallMs } = deps.limits;
    this.#everyMs = Math.max(shortestMs, Math.min(sampleMs, stallMs === null ? sampleMs : stallMs / 4));
  }

  /** Watches while agents run. Safe to repeat. */
  watch(): void {
    if (this.#cancel !== null || this.#isOff || this.#runs.size === 0) return;
    this.#cancel = this.#clock.after(this.#everyMs, () => void this.#look());
  }

  stop(): void {
    this.#isOff = true;
    this.#cancel?.();
  }

  async #look(): Promise<void> {
    const runs = [...this.#runs.values()];
    for (const run of this.#marks.keys()) if (this.#runs.get(run.agent.id) !== run) this.#marks.delete(run);
    try {
      // Requested together, they share one snapshot of the system.
      const samples = await Promise.all(runs.map((run) => run.sample()));
      if (this.#isOff) return;
      this.#countTime();
      await Promise.all(runs.map((run, index) => this.#judgeMemory(run, samples[index] ?? null)));
      if (this.#isOff) return;
      for (const [index, run] of runs.entries()) this.#judge(run, samples[index] ?? null, this.#watchedMs);
    } catch (error) {
      this.#log.log('warn', 'cannot measure memory and CPU use', { error });
    }
    this.#cancel = null;
    this.watch();
  }

  /**
   * A very late measurement does not mean that agents could work meanwhile: they may have been frozen like this
   * process.
   */
  #countTime(): void {
    const now = this.#clock.elapsedMs();
    this.#watchedMs += Math.min(now - this.#lookedAt, this.#everyMs + latenessMs);
    this.#lookedAt = now;
  }

  /** The sum of resident sets costs nothing; shared pages are separated only if that sum exceeds the limit. */
  async #judgeMemory(run: MeasuredRun, sample: ResourceSample | null): Promise<void> {
    const { maxMemoryMb } = run.agent;
    if (maxMemoryMb === null) return;
    const maxMemoryBytes = maxMemoryMb * 2 ** 20;
    if (sample === null || sample.memoryBytes <= maxMemoryBytes) return;
    const memoryBytes = await run.memory();
    if (this.#isOff || memoryBytes === null || memoryBytes <= maxMemoryBytes) return;
    run.stop(memoryLimit(maxMemoryMb, { ...sample, memoryBytes }));
  }

  #judge(run: MeasuredRun, sample: ResourceSample | null, now: number): void {
    if (sample === null) {
      // A suspended agent is not idle by itself, so its time starts again.
      this.#marks.delete(run);
      return;
    }
    if (this.#judged.get(run) === sample) return;
    this.#judged.set(run, sample);
    const { maxOutputBytes, stallMs } = this.#limits;
    if (maxOutputBytes !== null && sample.outputBytes > maxOutputBytes) {
      run.stop(outputLimit(sample.outputBytes, maxOutputBytes));
    }
    const mark = this.#marks.get(run);
    // A program that may run as long as it likes may also wait as long as it likes.
    const mayWait = run.isAwaiting || run.agent.timeoutMs === null;
    if (mark === undefined || mayWait || isActive(mark, sample, now, run.idleCpuShare))
      this.#marks.set(run, { ...sample, at: now });
    else if (stallMs !== null && now - mark.at >= stallMs) run.stop(stalled(mark, sample, now, stallMs));
  }
}

function isActive(mark: Mark, sample: ResourceSample, now: number, share = idleShare): boolean {
  if (sample.outputBytes !== mark.outputBytes || sample.processes !== mark.processes) return true;
  const used = sample.cpuMs - mark.cpuMs;
  // A lower value means that processes have ended and others have begun.
  return used < 0 || used > Math.max(idleMs, (now - mark.at) * share);
}

function memoryLimit(maxMemoryMb: number, { memoryBytes, processes }: ResourceSample): StopCause {
  const who = processes === 1 ? 'Its process' : `Its ${processes} processes`;
  const text = `${who} used ${mebibytes(memoryBytes)} MiB of memory, more than its limit of ${maxMemoryMb} MiB, and ${processes === 1 ? 'was' : 'were'} stopped. Give it a larger max_memory_mb, or a smaller task.`;
  return { kind: 'limit', failure: 'memory_limit', explain: () => text };
}

function stalled(mark: Mark, sample: ResourceSample, now: number, limitMs: number): StopCause {
  const seconds = (ms: number): string => `${Math.round(ms / 100) / 10} s`;
  const text = `It printed nothing and used no CPU for ${seconds(now - mark.at)} (limit ${seconds(limitMs)}, limits.stallMinutes; so far ${sample.outputBytes} bytes printed, ${seconds(sample.cpuMs)} of CPU) and was stopped. Check its log for what it was waiting for.`;
  return { kind: 'limit', failure: 'stalled', explain: () => text };
}
