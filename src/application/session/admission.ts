import type { Agent } from '../../domain/agent.ts';
import type { WaitCause } from '../../domain/waiting.ts';
import type { HostCapacity } from '../ports/host-capacity.ts';

export interface Admission {
  readonly start: readonly Agent[];
  readonly wait: readonly Agent[];
  /** Why the first waiting agent waits; null if none does. */
  readonly why: WaitCause | null;
}

/**
 * Which agents the machine has memory for. Keeps their order: none overtakes an earlier one. An agent waits for memory
 * even if nothing else of its session runs, because other programs will free memory eventually.
 */
export function admit(agents: readonly Agent[], capacity: Pick<HostCapacity, 'freeMemoryMb'>): Admission {
  if (agents.length === 0) return { start: agents, wait: [], why: null };
  const free = capacity.freeMemoryMb();
  const first = agents.findIndex(
    ({ pool, maxMemoryMb }) => pool === null && maxMemoryMb !== null && maxMemoryMb > free,
  );
  if (first < 0) return { start: agents, wait: [], why: null };
  const neededMb = agents[first]?.maxMemoryMb ?? 0;
  const why: WaitCause = { cause: 'memory', freeMb: Math.floor(free), neededMb };
  return { start: agents.slice(0, first), wait: agents.slice(first), why };
}
