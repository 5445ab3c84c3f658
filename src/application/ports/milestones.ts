import type { RecordedEvent } from '../../domain/events.ts';
import type { AgentId, SessionId } from '../../domain/ids.ts';
import type { Milestone } from '../../domain/milestone.ts';

export interface StoredMilestone extends Milestone {
  readonly at: string;
}

/** What agents say of their work. Each is an event, stored by the agent's own process, whoever owns the session. */
export interface MilestoneStore {
  /**
   * @param mostPerMinute of one agent
   * @throws MaosError RESOURCE_LIMIT_EXCEEDED above that, INVALID_TRANSITION when the session has ended
   */
  add(
    agent: { readonly sessionId: SessionId; readonly id: AgentId; readonly name: string },
    report: Milestone,
    mostPerMinute: number,
    at: string,
  ): RecordedEvent;
  /** The last report of each agent, among the newest events of the session. */
  latest(sessionId: SessionId): ReadonlyMap<AgentId, StoredMilestone>;
}
