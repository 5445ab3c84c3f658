import { uptime } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import type { AgentProcess } from '../../../application/runtime.ts';
import { isWrapperCommand } from '../host/wrapper-script.ts';
import { findWrapperParts } from './agent-processes.ts';
import { limitMark } from './limit-mark.ts';
import { kernelUnits, type ProcessEntry } from './proc-stat.ts';
import { makeProcessTable, type ProcessSnapshot, type ProcessTable } from './process-table.ts';
import { ProcessTreeIndex } from './process-tree-index.ts';

export interface ListOptions {
  /** Interval over which to measure CPU use, in milliseconds; 0 (the default) does not measure it. */
  readonly watchMs?: number;
  readonly table?: ProcessTable;
}

/**
 * All agents of this user that have a process on this machine, started by any MAOS, running or not. Sorted by start
 * time, oldest first. Read-only.
 */
export async function listAgentProcesses(options: ListOptions = {}): Promise<readonly AgentProcess[]> {
  const { watchMs = 0, table = makeProcessTable() } = options;
  const before = watchMs > 0 ? measure(await table.snapshot()) : null;
  const startedAt = performance.now();
  if (watchMs > 0) await sleep(watchMs);
  const now = measure(await table.snapshot());
  const watchedMs = performance.now() - startedAt;
  return [...now.values()]
    .map((agent) => {
      const earlier = before?.get(agent.agentId);
      if (earlier === undefined) return agent;
      const usedMs = Math.max(agent.cpuMs - earlier.cpuMs, 0);
      return { ...agent, cpuPercent: Math.round((usedMs * 1000) / watchedMs) / 10 };
    })
    .sort((a, b) => (a.startedAt < b.startedAt ? -1 : 1));
}

function measure(snapshot: ProcessSnapshot): ReadonlyMap<string, AgentProcess> {
  const families = new Map<string, ProcessEntry[]>();
  for (const [entry, agentId] of owners(snapshot)) {
    const family = families.get(agentId);
    if (family === undefined) families.set(agentId, [entry]);
    else family.push(entry);
  }
  return new Map([...families].map(([agentId, family]) => [agentId, summarize(snapshot, agentId, family)]));
}

/**
 * Maps each process to its agent: by its own mark, otherwise by that of its nearest marked ancestor. A numeric mark
 * (see {@link limitMark}) is replaced with the id of the listed agent that it belongs to, if there is one.
 */
function owners(snapshot: ProcessSnapshot): ReadonlyMap<ProcessEntry, string> {
  const found = new Map<ProcessEntry, string>();
  for (const entry of snapshot.processes.values()) {
    const agentId = entry.pid === process.pid ? null : (snapshot.markOf(entry)?.agentId ?? null);
    if (agentId !== null) found.set(entry, agentId);
  }
  const named = new Map([...found.values()].map((agentId) => [`#${limitMark(agentId)}`, agentId]));
  for (const [entry, mark] of found) found.set(entry, named.get(mark) ?? mark);
  const tree = ProcessTreeIndex.of(snapshot);
  // A Map iterates over entries added meanwhile, so this reaches the whole tree.
  for (const [parent, agentId] of found) {
    for (const child of tree.childrenOf(parent.pid)) {
      if (!found.has(child) && child.pid !== process.pid) found.set(child, agentId);
    }
  }
  return found;
}

function summarize(
  snapshot: ProcessSnapshot,
  agentId: string,
  family: readonly ProcessEntry[],
): AgentProcess {
  const eldestFirst = [...family].sort((a, b) => a.start - b.start || a.pid - b.pid);
  const wrapper = eldestFirst.find(
    (entry) => entry.pid === entry.sid && isWrapperCommand(snapshot.commandOf(entry)),
  );
  const parts = wrapper === undefined ? null : findWrapperParts(snapshot, wrapper.pid);
  const own = eldestFirst.filter(({ pid }) => parts?.has(pid) !== true);
  const first = (wrapper ?? own[0]) as ProcessEntry;
  const isSuspended = own.length > 0 && own.every(({ state }) => state === 'stopped' || state === 'blocked');
  return {
    agentId,
    pid: first.pid,
    startedAt: new Date(startTime(first)).toISOString(),
    cpuMs: total(family, 'cpuMs'),
    cpuPercent: null,
    memoryBytes: total(own, 'memoryBytes'),
    processes: own.length,
    state:
      isSuspended && own.some(({ state }) => state === 'stopped')
        ? 'suspended'
        : wrapper === undefined
          ? 'left_behind'
          : 'running',
  };
}

/** In Unix milliseconds. */
function startTime({ start }: ProcessEntry): number {
  if (process.platform !== 'linux') return start;
  return Math.round(Date.now() - uptime() * 1000 + (start * 1000) / kernelUnits().ticksPerSecond);
}

function total(entries: readonly ProcessEntry[], what: 'cpuMs' | 'memoryBytes'): number {
  return entries.reduce((sum, entry) => sum + entry[what], 0);
}
