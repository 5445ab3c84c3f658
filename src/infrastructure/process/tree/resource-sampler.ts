import { readFile } from 'node:fs/promises';
import { type AgentMark, findAgentProcesses, findWrapperParts, isStill } from './agent-processes.ts';
import type { ProcessEntry } from './proc-stat.ts';
import {
  type KnownProcesses,
  makeProcessTable,
  type ProcessSnapshot,
  type ProcessTable,
  readProcfs,
  readWithPs,
} from './process-table.ts';

/** Total use of an agent's living processes. */
export interface TreeUse {
  /**
   * User and system time of the processes and their collected children. Can fall: the time of a process is lost when
   * none of the agent's processes collects it.
   */
  readonly cpuMs: number;
  /**
   * Sum of the resident sets, without the wrapper and its helpers. Shared pages count once per process; {@link
   * ResourceSampler.memory} counts them once, but takes longer.
   */
  readonly memoryBytes: number;
  /** Without the wrapper and its helpers. */
  readonly processes: number;
}

export interface ResourceSampler {
  /** @returns null when the agent has no process */
  measure(mark: AgentMark): Promise<TreeUse | null>;
  /**
   * Like `memoryBytes`, but on Linux shared pages count once. The kernel walks all page tables for that, which takes
   * some milliseconds per process.
   * @returns null when the agent has no process
   */
  memory(mark: AgentMark): Promise<number | null>;
}

/** Agents measured within this time share one snapshot. */
const minAgeMs = 500;
const maxAgeMs = 5_000;
/** A snapshot is used for this many times its own duration, which limits sampling to about 0.2 % of a processor. */
const ageByCost = 500;

/** Measures all agents from one shared snapshot of the machine. */
export function makeResourceSampler(table: ProcessTable = makeSamplingTable()): ResourceSampler {
  let ageMs = minAgeMs;

  async function look(): Promise<ProcessSnapshot> {
    const snapshot = await table.recent(ageMs);
    ageMs = Math.min(Math.max(snapshot.tookMs * ageByCost, minAgeMs), maxAgeMs);
    return snapshot;
  }

  const known = new WeakMap<
    AgentMark,
    { readonly snapshot: ProcessSnapshot; readonly use: TreeUse | null }
  >();
  return {
    async measure(mark) {
      const snapshot = await look();
      const last = known.get(mark);
      if (last?.snapshot === snapshot) return last.use;
      const use = measureIn(snapshot, mark);
      known.set(mark, { snapshot, use });
      return use;
    },
    async memory(mark) {
      const { entries, own } = partsIn(await look(), mark);
      if (entries.length === 0) return null;
      // At once: what a process shared counts more for the others when it ends in between.
      return sum(await Promise.all(own.map(proportionalBytes)));
    },
  };
}

function partsIn(snapshot: ProcessSnapshot, mark: AgentMark) {
  const entries = findAgentProcesses(snapshot, mark);
  const parts = mark.wrapper === null ? null : findWrapperParts(snapshot, mark.wrapper.pid);
  return { entries, own: entries.filter(({ pid }) => parts?.has(pid) !== true) };
}

/**
 * The process's own pages and its share of shared ones, as summed up by the kernel (proc_pid_smaps(5)). The resident
 * set where that is not readable (other platforms, another user's process, an old kernel).
 */
async function proportionalBytes(entry: ProcessEntry): Promise<number> {
  const { pid, memoryBytes } = entry;
  try {
    const rollup = await readFile(`/proc/${pid}/smaps_rollup`, 'latin1');
    const kib = /^Pss: +(\d+) kB$/m.exec(rollup)?.[1];
    return kib === undefined ? memoryBytes : Number(kib) * 1024;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    // When it has ended, its memory is free. ENOENT: that, or a kernel without this file.
    const hasEnded = code === 'ESRCH' || (code === 'ENOENT' && !isStill(entry));
    return hasEnded ? 0 : memoryBytes;
  }
}

function measureIn(snapshot: ProcessSnapshot, mark: AgentMark): TreeUse | null {
  const { entries, own } = partsIn(snapshot, mark);
  if (entries.length === 0) return null;
  const pids = new Set(entries.map(({ pid }) => pid));
  const uncollected = snapshot.zombies.filter(({ ppid }) => pids.has(ppid));
  return {
    cpuMs: sum([...entries, ...uncollected].map(({ cpuMs }) => cpuMs)),
    memoryBytes: sum(own.map(({ memoryBytes }) => memoryBytes)),
    processes: own.length,
  };
}

function makeSamplingTable(): ProcessTable {
  const known: KnownProcesses = new Map();
  return makeProcessTable(process.platform === 'linux' ? () => readProcfs({ known }) : readWithPs);
}

/**
 * Makes CPU time monotonic. When the measured time falls because a process took its time with it, the difference is
 * added from then on, so that new use shows at once.
 */
export function makeCpuMeter(): (measuredMs: number) => number {
  let carried = 0;
  let last = 0;
  return (measuredMs) => {
    carried = Math.max(carried, last - measuredMs);
    last = measuredMs + carried;
    return last;
  };
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
