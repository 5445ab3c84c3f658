import type { RecordedEvent } from '../../domain/events.ts';
import type { AgentId, InstanceId, SessionId } from '../../domain/ids.ts';
import type { Change, Workflow } from '../../domain/workflow.ts';
import type { AcpRunRecord, AcpRunStore } from './acp-runs.ts';
import type { FeedStore } from './feed.ts';
import type { InputRequestStore } from './input-requests.ts';
import type { MaintenanceStore } from './maintenance.ts';
import type { MessageStore } from './messages.ts';
import type { MilestoneStore } from './milestones.ts';
import type { Lease } from './ownership.ts';
import type { PathClaimStore } from './path-claims.ts';
import type { SessionOwnership } from './session-ownership.ts';
import type { SessionReader } from './session-reader.ts';
import type { ArtifactRecord } from './session-summary.ts';

/**
 * Sessions of one project, durable. Every method is one transaction and durable when it returns.
 * All throw MaosError STORE_BUSY when another writer holds the database too long, STORE_CORRUPT when it is damaged.
 */
export interface SessionStore extends SessionReader, SessionOwnership {
  /** Stores a new workflow with its events, owned by `owner`, and what it is a run of. */
  create(change: Change, owner: InstanceId, acpRun?: AcpRunRecord | null): Lease;
  /**
   * Stores what differs between `previous` and `change.next`, the events and the artifacts, if the lease still holds.
   * Requests that an event of them answers are not asked any more; with the session's end none is. What an attempt that
   * ends still asks of people is withdrawn: the events of that come first.
   * @throws LeaseLost when another instance owns the session by now, RetryAsked when the session would complete or fail
   *   while a retry is asked of it; nothing is stored then
   */
  commit(
    lease: Lease,
    previous: Workflow,
    change: Change,
    artifacts?: readonly ArtifactRecord[],
  ): readonly RecordedEvent[];
  readonly maintenance: MaintenanceStore;
  readonly messages: MessageStore;
  readonly inputRequests: InputRequestStore;
  readonly pathClaims: PathClaimStore;
  readonly milestones: MilestoneStore;
  readonly feed: FeedStore;
  readonly acpRuns: AcpRunStore;
  /**
   * Its file was moved, replaced or deleted: what it has can still be read, and every change is refused as STORE_CORRUPT,
   * until the file is back.
   */
  readonly isLost: boolean;
  close(): void;
}

/** Thrown by `create` when an id that was drawn for an agent is another agent's: draw anew. */
export class AgentIdTaken extends Error {
  constructor(id: AgentId, by: SessionId) {
    super(
      `The new agent's id ${id} is taken by session ${by}; nothing was stored. Ask again: ids are drawn anew.`,
    );
    this.name = 'AgentIdTaken';
  }
}
