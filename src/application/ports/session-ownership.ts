import type { InstanceId, SessionId } from '../../domain/ids.ts';
import type { ParentAgent } from '../../domain/session.ts';
import type { Lease, SessionRequest, UnfinishedSession } from './ownership.ts';
import type { Team } from './teams.ts';

/** Owners of sessions, and requests of others to them. Throws like the store. */
export interface SessionOwnership {
  /**
   * Stores requests to a session, with their events, for its owner.
   * @param requests all for the same session
   * @returns false when everything was already requested, or is already so without another pending request
   * @throws MaosError SESSION_NOT_FOUND, AGENT_NOT_FOUND, INVALID_TRANSITION when it is no longer possible: the session
   *   has ended, or an agent to be retried neither failed nor was cancelled
   */
  request(requests: SessionRequest | readonly SessionRequest[], by: string, at: string): boolean;
  /** Open requests to sessions that this instance owns. */
  requestsFor(owner: InstanceId): readonly SessionRequest[];
  /**
   * Becomes the owner if there is none, if the owner's heartbeat is older than `staleBefore`, or if it is `knownDead`.
   */
  acquire(
    id: SessionId,
    owner: InstanceId,
    when: { staleBefore: string; knownDead?: InstanceId },
  ): Lease | null;
  release(lease: Lease): void;
  /** Whether the lease is still valid. */
  holds(lease: Lease): boolean;
  ownerOf(id: SessionId): InstanceId | null;
  /**
   * Sessions that have neither ended nor paused; paused ones with a request to cancel, or to resume with the agent that
   * started them; and ended ones that still have an owner, which may have died before it finished their files.
   */
  unfinished(): readonly UnfinishedSession[];
  /** Sessions that the agent started, that have not ended, and that end with it. */
  teamsOf(parent: ParentAgent): readonly Team[];
  /** Sessions paused for quota whose time has come by `at`. */
  dueForResume(at: string): readonly SessionId[];
  /** Stores the owner's heartbeat. @returns the leases that it holds; missing ones have another owner */
  heartbeat(owner: InstanceId, at: string): readonly Lease[];
  /** Marks the owner, for those who find it gone, and its sessions that stop on its exit, for their next owner. */
  announceExit(owner: InstanceId): void;
}
