import { readFile } from 'node:fs/promises';
import { type AgentMark, findAgentProcesses, findWrapperParts } from './agent-processes.ts';
import type { ProcessEntry } from './proc-stat.ts';
import {
  type KnownProcesses,
  makeProcessTable,
  type ProcessSnapshot,
  type ProcessTable,
  readProcfs,
  readWithPs,
} from './process-table.ts';

/** What the living processes of an agent use, together. */
export interface TreeUse {
  /**
   * User and system time of the processes and of their collected children. Time of a process that nobody of the
   * agent collected is lost with it: the number can fall.
   */
  readonly cpuMs: number;
  /**
   * Sum of the resident sets, without those of the wrapper and its parts. Pages that processes share count for each of
   * them: to tell them apart takes longer, see {@link ResourceSampler.memory}.
   */
  readonly memoryBytes: number;
  /** Without the wrapper and its parts. */
  readonly processes: number;
}

export interface ResourceSampler {
  /** @returns null when no process of the agent was there */
  measure(mark: AgentMark): Promise<TreeUse | null>;
  /**
   * The same memory with shared pages counted once, on Linux: the kernel walks over all page tables for that, some
   * milliseconds a process.
   * @returns null when no process of the agent was there
   */
  memory(mark: AgentMark): Promise<number | null>;
}

/** One snapshot serves all agents that are asked for within this time. */
const minAgeMs = 500;
const maxAgeMs = 5_000;
/** A snapshot is used for this many times its own duration: sampling takes at most some 0.5 % of a processor. */
const ageByCost = 200;

/** Measures agents by one shared look at the machine, however many they are. */
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
      let bytes = 0;
      for (const entry of own) bytes += await proportionalBytes(entry);
      return bytes;
    },
  };
}

function partsIn(snapshot: ProcessSnapshot, mark: AgentMark) {
  const entries = findAgentProcesses(snapshot, mark);
  const parts = mark.wrapper === null ? null : findWrapperParts(snapshot, mark.wrapper.pid);
  return { entries, own: entries.filter(({ pid }) => parts?.has(pid) !== true) };
}

/**
 * The process's own pages and its part of those it shares, added up by the kernel (proc_pid_smaps(5)). Where that cannot
 * be read (other platforms, a process of another user, an old kernel), all it has resident.
 */
async function proportionalBytes({ pid, memoryBytes }: ProcessEntry): Promise<number> {
  try {
    const rollup = await readFile(`/proc/${pid}/smaps_rollup`, 'latin1');
    const kib = /^Pss: +(\d+) kB$/m.exec(rollup)?.[1];
    return kib === undefined ? memoryBytes : Number(kib) * 1024;
  } catch (error) {
    // It has ended since: its memory is free.
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return 0;
    return memoryBytes;
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
 * CPU time that never falls, and rises with the first millisecond used after a fall: the time of processes that took
 * theirs with them is carried on.
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
