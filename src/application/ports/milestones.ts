import type { RecordedEvent } from '../../domain/events.ts';
import type { AgentId, SessionId } from '../../domain/ids.ts';
import type { Milestone } from '../../domain/milestone.ts';

export interface StoredMilestone extends Milestone {
  readonly at: string;
}

/**
 * Milestones that agents report. Each is an event, stored by the agent's own process even though another process owns
 * the session.
 */
export interface MilestoneStore {
  /**
   * @param mostPerMinute per agent
   * @throws MaosError RESOURCE_LIMIT_EXCEEDED above that, INVALID_TRANSITION when the session has ended
   */
  add(
    agent: { readonly sessionId: SessionId; readonly id: AgentId; readonly name: string },
    report: Milestone,
    mostPerMinute: number,
    at: string,
  ): RecordedEvent;
  /** Each agent's latest report among the session's newest events. */
  latest(sessionId: SessionId): ReadonlyMap<AgentId, StoredMilestone>;
}
