import { quote } from '../../domain/errors.ts';
import type { RecordedEvent } from '../../domain/events.ts';
import type { AgentId, InstanceId, SessionId } from '../../domain/ids.ts';
import type { Change, Workflow } from '../../domain/workflow.ts';
import type { AcpRunRecord, AcpRunStore } from './acp-runs.ts';
import type { FeedStore } from './feed.ts';
import type { InputRequestStore } from './input-requests.ts';
import type { MaintenanceStore } from './maintenance.ts';
import type { MessageStore } from './messages.ts';
import type { MilestoneStore } from './milestones.ts';
import type { NotificationStore } from './notifications.ts';
import type { Lease } from './ownership.ts';
import type { PathClaimStore } from './path-claims.ts';
import type { SessionOwnership } from './session-ownership.ts';
import type { SessionReader } from './session-reader.ts';
import type { ArtifactRecord } from './session-summary.ts';

/**
 * Sessions of one project. Every method is one transaction, durable when it returns. All throw MaosError STORE_BUSY
 * when another writer holds the database for too long, STORE_CORRUPT when it is damaged.
 */
export interface SessionStore extends SessionReader, SessionOwnership {
  /**
   * Stores a new workflow with its events, owned by `owner`, and its ACP run record if it has one.
   * @throws AgentIdTaken; LandingTaken when it lands the work of a session that another one lands now; KeyTaken
   */
  create(change: Change, owner: InstanceId, acpRun?: AcpRunRecord | null): Lease;
  /**
   * If the lease still holds, stores the differences between `previous` and `change.next`, the events and the
   * artifacts. Clears requests that the events answer; when the session ends, all of them. Withdraws open requests to
   * people of attempts that end; these events come first.
   * @throws LeaseLost when another instance owns the session, RetryAsked when the session would complete or fail
   *   although a retry was requested; then nothing is stored
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
  readonly notifications: NotificationStore;
  /**
   * True when its file was moved, replaced or deleted: its data can still be read, and every change is refused with
   * STORE_CORRUPT, until the file is back.
   */
  readonly isLost: boolean;
  /** SHA-256 (hex) of a plan, the same for equal plans, whatever the order of their keys. */
  planDigest(plan: object): string;
  close(): void;
}

/** Thrown by `create` when the work of a session is being landed by another session already. */
export class LandingTaken extends Error {
  readonly by: SessionId;
  constructor(by: SessionId, landed: SessionId) {
    super(`Session ${by} lands the work of ${landed} already; nothing was stored.`);
    this.name = 'LandingTaken';
    this.by = by;
  }
}

/** Thrown by `create` when another session has the same idempotency key. */
export class KeyTaken extends Error {
  constructor(key: string, by: SessionId) {
    super(`The key ${quote(key)} is taken by session ${by}; nothing was stored.`);
    this.name = 'KeyTaken';
  }
}

/** Thrown by `create` when an agent's random id is taken: draw new ones. */
export class AgentIdTaken extends Error {
  constructor(id: AgentId, by: SessionId) {
    super(
      `The new agent's id ${id} is taken by session ${by}; nothing was stored. Try again: MAOS draws new ids.`,
    );
    this.name = 'AgentIdTaken';
  }
}
