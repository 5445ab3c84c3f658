import type { InstanceId, SessionId } from '../../domain/ids.ts';
import type { ParentAgent } from '../../domain/session.ts';
import type { Lease, SessionRequest, UnfinishedSession } from './ownership.ts';
import type { Team } from './teams.ts';

/** Who runs which session, and what others ask of whoever that is. Throws as the store does. */
export interface SessionOwnership {
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
}
