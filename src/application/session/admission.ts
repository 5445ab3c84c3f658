import type { Agent } from '../../domain/agent.ts';
import type { WaitCause } from '../../domain/waiting.ts';
import type { HostCapacity } from '../ports/host-capacity.ts';

export interface Admission {
  readonly start: readonly Agent[];
  readonly wait: readonly Agent[];
  /** Why the first of those waits; null when none does. */
  readonly why: WaitCause | null;
}

/**
 * Which agents the machine has memory for, in order: none overtakes one that came first. An agent for which there is none
 * waits, even when nothing else of its session runs: other programs will free their memory at some time.
 */
export function admit(agents: readonly Agent[], capacity: Pick<HostCapacity, 'freeMemoryMb'>): Admission {
  if (agents.length === 0) return { start: agents, wait: [], why: null };
  const free = capacity.freeMemoryMb();
  const first = agents.findIndex((agent) => agent.maxMemoryMb > free);
  if (first < 0) return { start: agents, wait: [], why: null };
  const neededMb = agents[first]?.maxMemoryMb ?? 0;
  const why: WaitCause = { cause: 'memory', freeMb: Math.floor(free), neededMb };
  return { start: agents.slice(0, first), wait: agents.slice(first), why };
}
