import type { Agent } from '../../domain/agent.ts';
import type { AgentId } from '../../domain/ids.ts';
import type { ResourceSample } from '../ports/agent-host.ts';
import type { Clock } from '../ports/clock.ts';
import type { Log } from '../ports/log.ts';
import type { Settings } from '../ports/settings.ts';
import type { AgentRun } from './agent-run.ts';
import { mebibytes, outputLimit, type StopCause } from './stop-cause.ts';

/** Time between two looks at what agents use. */
const sampleMs = 3_000;
const shortestMs = 100;
/** On a busy machine, a look may come this much later. */
const latenessMs = 5_000;
/**
 * A program that waits still ticks: less than this share of one processor counts as no CPU. One that polls every few
 * seconds uses more; a backend may know of its CLI that it does.
 */
const idleShare = 0.002;
/** The finest a system counts CPU time in, a few times over. */
const idleMs = 30;

/** When an agent was last active, and what had been measured then. */
interface Mark extends ResourceSample {
  readonly at: number;
}

/**
 * Looks every few seconds at what the agents of one session use and stops those beyond their limits: memory of the
 * process tree, output, and nothing done for long. One look for all of them.
 */
export class LimitsWatch {
  readonly #limits: Settings['limits'];
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #runs: ReadonlyMap<AgentId, AgentRun>;
  readonly #marks = new Map<AgentRun, Mark>();
  readonly #everyMs: number;
  /** Milliseconds in which agents were looked at again and again. */
  #watchedMs = 0;
  #lookedAt: number;
  #cancel: (() => void) | null = null;
  #isOff = false;

  constructor(
    deps: { readonly limits: Settings['limits']; readonly clock: Clock; readonly log: Log },
    runs: ReadonlyMap<AgentId, AgentRun>,
  ) {
    this.#limits = deps.limits;
    this.#clock = deps.clock;
    this.#log = deps.log;
    this.#runs = runs;
    this.#lookedAt = deps.clock.elapsedMs();
    const { stallMs } = deps.limits;
    this.#everyMs = Math.max(shortestMs, Math.min(sampleMs, stallMs === null ? sampleMs : stallMs / 4));
  }

  /** Watches as long as agents run. Safe to repeat. */
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
      // Asked for together, they are answered from one look at the system.
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

  /** A look that comes much too late does not say that agents could work since: they were perhaps frozen as this was. */
  #countTime(): void {
    const now = this.#clock.elapsedMs();
    this.#watchedMs += Math.min(now - this.#lookedAt, this.#everyMs + latenessMs);
    this.#lookedAt = now;
  }

  /** The sum of what each process has resident costs nothing; only where that is too much, shared pages are told apart. */
  async #judgeMemory(run: AgentRun, sample: ResourceSample | null): Promise<void> {
    const maxMemoryBytes = run.agent.maxMemoryMb * 2 ** 20;
    if (sample === null || sample.memoryBytes <= maxMemoryBytes) return;
    const memoryBytes = await run.memory();
    if (this.#isOff || memoryBytes === null || memoryBytes <= maxMemoryBytes) return;
    run.stop(memoryLimit(run.agent, { ...sample, memoryBytes }));
  }

  #judge(run: AgentRun, sample: ResourceSample | null, now: number): void {
    if (sample === null) {
      // A suspended agent is not idle of its own accord: its time starts again.
      this.#marks.delete(run);
      return;
    }
    const { maxOutputBytes, stallMs } = this.#limits;
    if (maxOutputBytes !== null && sample.outputBytes > maxOutputBytes) {
      run.stop(outputLimit(sample.outputBytes, maxOutputBytes));
    }
    const mark = this.#marks.get(run);
    if (mark === undefined || isActive(mark, sample, now, run.idleCpuShare))
      this.#marks.set(run, { ...sample, at: now });
    else if (stallMs !== null && now - mark.at >= stallMs) run.stop(stalled(mark, sample, now, stallMs));
  }
}

function isActive(mark: Mark, sample: ResourceSample, now: number, share = idleShare): boolean {
  if (sample.outputBytes !== mark.outputBytes || sample.processes !== mark.processes) return true;
  const used = sample.cpuMs - mark.cpuMs;
  // Less than before: a process has ended, and others began.
  return used < 0 || used > Math.max(idleMs, (now - mark.at) * share);
}

function memoryLimit({ maxMemoryMb }: Agent, { memoryBytes, processes }: ResourceSample): StopCause {
  const who = processes === 1 ? 'Its process' : `Its ${processes} processes`;
  const text = `${who} used ${mebibytes(memoryBytes)} MiB of memory, more than its limit of ${maxMemoryMb} MiB, and ${processes === 1 ? 'was' : 'were'} stopped. Give it a larger max_memory_mb, or a smaller task.`;
  return { kind: 'limit', failure: 'memory_limit', explain: () => text };
}

function stalled(mark: Mark, sample: ResourceSample, now: number, limitMs: number): StopCause {
  const seconds = (ms: number): string => `${Math.round(ms / 100) / 10} s`;
  const text = `It printed nothing and used no CPU for ${seconds(now - mark.at)} (limit ${seconds(limitMs)}, limits.stallMinutes; so far ${sample.outputBytes} bytes printed, ${seconds(sample.cpuMs)} of CPU) and was stopped. Check its log for what it was waiting for.`;
  return { kind: 'limit', failure: 'stalled', explain: () => text };
}
