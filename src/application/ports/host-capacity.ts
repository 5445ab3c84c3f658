import type { AgentLocation } from '../../domain/agent-location.ts';
import type { AgentId, SessionId } from '../../domain/ids.ts';

/** How many agents run on this host, over all MAOS processes. */
export interface AgentSlots {
  /** False when the host's limit is reached. Taking a slot one already holds is true. */
  tryTake(agentId: AgentId, sessionId: SessionId, limit: number): boolean;
  give(agentId: AgentId): void;
  /** Tells where the agent runs, so that its slot lasts as long as it does, and not only as long as its MAOS. */
  bind(agentId: AgentId, location: AgentLocation): void;
}

/** What there is for agents to run on. */
export interface HostCapacity {
  /** Memory that can be used without swapping, in MiB. */
  freeMemoryMb(): number;
  /** All it has, in MiB. */
  totalMemoryMb(): number;
  readonly slots: AgentSlots;
}
