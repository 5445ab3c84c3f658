import type { RecordedEvent } from '../../domain/events.ts';
import type { AgentId, InstanceId, SessionId } from '../../domain/ids.ts';
import type { ParentAgent, SessionState } from '../../domain/session.ts';
import type { Change, Workflow } from '../../domain/workflow.ts';
import type { AcpRunRecord, AcpRunStore } from './acp-runs.ts';
import type { FeedStore } from './feed.ts';
import type { MaintenanceStore } from './maintenance.ts';
import type { MessageStore } from './messages.ts';
import type { Lease, SessionRequest, UnfinishedSession } from './ownership.ts';
import type { ArtifactRecord, SessionSummary } from './session-summary.ts';
import type { Team } from './teams.ts';

/**
 * Sessions of one project, durable. Every method is one transaction and durable when it returns.
 * All throw MaosError STORE_BUSY when another writer holds the database too long, STORE_CORRUPT when it is damaged.
 */
export interface SessionStore {
  /** Stores a new workflow with its events, owned by `owner`, and what it is a run of. */
  create(change: Change, owner: InstanceId, acpRun?: AcpRunRecord | null): Lease;
  /** @throws MaosError SESSION_NOT_FOUND */
  load(id: SessionId): Workflow;
  /**
   * Stores what differs between `previous` and `change.next`, the events and the artifacts, if the lease still holds.
   * Requests that an event of them answers are not asked any more; with the session's end none is.
   * @throws LeaseLost when another instance owns the session by now, RetryAsked when the session would complete or fail
   *   while a retry is asked of it; nothing is stored then
   */
  commit(
    lease: Lease,
    previous: Workflow,
    change: Change,
    artifacts?: readonly ArtifactRecord[],
  ): readonly RecordedEvent[];
  summary(id: SessionId): SessionSummary;
  /** The one stored last first, whatever the clock said. `before` is the id of the last session of the page before. */
  list(query: { state?: SessionState; limit: number; before?: SessionId }): readonly SessionSummary[];
  /** Ids that start or end with the text (without regard to the `sess_` in front), newest first, at most `limit`. */
  findSessions(text: string, limit: number): readonly SessionId[];
  findAgents(text: string, limit: number): readonly { sessionId: SessionId; agentId: AgentId }[];
  /** Events with `seq` above `after`, in order. */
  events(id: SessionId, after: number, limit: number): readonly RecordedEvent[];
  lastSeq(id: SessionId): number;
  /** The newest record of each path, by path. */
  artifacts(id: SessionId): readonly ArtifactRecord[];

  /**
   * Writes down what somebody wants of a session, with its events, for the owner to see.
   * @param requests all of the same session
   * @returns false when all of it was asked before, or is so, and nothing else was asked
   * @throws MaosError SESSION_NOT_FOUND, AGENT_NOT_FOUND, INVALID_TRANSITION when it cannot come about any more: the
   *   session has ended, or an agent that is to run again neither failed nor was cancelled
   */
  request(requests: SessionRequest | readonly SessionRequest[], by: string, at: string): boolean;
  /** Requests waiting for sessions this instance owns. */
  requestsFor(owner: InstanceId): readonly SessionRequest[];
  /** Becomes the owner if nobody is, if the owner's heartbeat is older than `staleBefore`, or if it is `knownDead`. */
  acquire(
    id: SessionId,
    owner: InstanceId,
    when: { staleBefore: string; knownDead?: InstanceId },
  ): Lease | null;
  release(lease: Lease): void;
  /** Whether the lease is (still) the session's. */
  holds(lease: Lease): boolean;
  ownerOf(id: SessionId): InstanceId | null;
  /**
   * Sessions that have neither ended nor paused; paused ones that are asked to end, or to go on with the agent that
   * started them; and ended ones whose owner has not let go of them: it may have died over their files.
   */
  unfinished(): readonly UnfinishedSession[];
  /** Sessions that the agent started, that have not ended, and that end with it. */
  teamsOf(parent: ParentAgent): readonly Team[];
  /** Sessions paused for quota until a time that has come by `at`. */
  dueForResume(at: string): readonly SessionId[];
  /** Writes that the owner lives. @returns the leases it holds now: what is missing has got another owner */
  heartbeat(owner: InstanceId, at: string): readonly Lease[];
  /** The owner is about to exit: those of its sessions that stop with it are marked, for whoever takes them over. */
  announceExit(owner: InstanceId): void;
  readonly maintenance: MaintenanceStore;
  readonly messages: MessageStore;
  readonly feed: FeedStore;
  readonly acpRuns: AcpRunStore;
  /** A number that changes whenever another process has written (cheap: one pragma, no read). */
  dataVersion(): number;
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
