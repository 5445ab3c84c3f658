import type { AgentLocation } from '../../domain/agent-location.ts';
import type { AgentId, SessionId } from '../../domain/ids.ts';

/** The agents that run on this host, across all MAOS processes. */
export interface AgentSlots {
  /** False when the host's limit is reached; true if the agent already has a slot. */
  tryTake(agentId: AgentId, sessionId: SessionId, limit: number): boolean;
  give(agentId: AgentId): void;
  /** Sets the agent's location, so that its slot lasts as long as the agent even if its MAOS ends. */
  bind(agentId: AgentId, location: AgentLocation): void;
}

/** The resources of a host. */
export interface HostCapacity {
  /** Memory that can be used without swapping, in MiB. */
  freeMemoryMb(): number;
  /** Total memory, in MiB. */
  totalMemoryMb(): number;
  readonly slots: AgentSlots;
}
