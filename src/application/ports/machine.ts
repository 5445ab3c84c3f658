import type { AgentLocation } from '../../domain/agent-location.ts';
import type { AgentId, InstanceId, SessionId } from '../../domain/ids.ts';

/** How many agents run on this machine, over all MAOS processes. */
export interface AgentSlots {
  /** False when the machine's limit is reached. Taking a slot one already holds is true. */
  tryTake(agentId: AgentId, sessionId: SessionId, limit: number): boolean;
  give(agentId: AgentId): void;
  /** Tells where the agent runs, so that its slot lasts as long as it does, and not only as long as its MAOS. */
  bind(agentId: AgentId, location: AgentLocation): void;
}

/** The MAOS processes of this machine. */
export interface Instances {
  /** Writes this process down, once; before it owns its first session. */
  announce(): Promise<void>;
  beat(at: string): void;
  /**
   * False when the process is gone for certain. One that cannot be seen from here (of another host, boot or process
   * namespace) counts as alive: only its lease tells. One that never announced itself owns nothing, and counts as gone.
   */
  isAlive(id: InstanceId): Promise<boolean>;
  /** When it was last heard of, whether or not its project's store took its heartbeat; null: it is not known. */
  heardAt(id: InstanceId): string | null;
}

/** The machine agents run on. */
export interface Machine {
  /** Memory that can be used without swapping, in MiB. */
  freeMemoryMb(): number;
  /** All it has, in MiB. */
  totalMemoryMb(): number;
}
