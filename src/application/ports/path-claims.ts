import type { DomainEvent } from '../../domain/events.ts';
import type { HeldClaim, PathClaim, PathConflict } from '../../domain/path-claim.ts';

/** What becomes of the claims, in one transaction with its events. */
export interface ClaimChange {
  readonly put?: readonly PathClaim[];
  readonly remove?: readonly PathClaim[];
  /** What the agent is told of, so that it is not told again in the same attempt. */
  readonly told?: {
    readonly agentId: PathClaim['agentId'];
    readonly attempt: number;
    readonly of: readonly PathConflict[];
  };
  readonly events: readonly DomainEvent[];
}

/**
 * Who works on which paths of one project. A claim is in force until its time is over, and only while its agent has not
 * ended: for as long as the attempt that made it goes on, or a later one goes on with a conversation. Throws as SessionStore does.
 */
export interface PathClaimStore {
  /** Those in force then, oldest first. */
  active(at: string): readonly HeldClaim[];
  /** Of the conflicts those that the agent has not been told of in this attempt. */
  untold(
    agentId: PathClaim['agentId'],
    attempt: number,
    conflicts: readonly PathConflict[],
  ): readonly PathConflict[];
  /**
   * Decides and stores in one transaction. Events of a session that has ended are not stored.
   * @param decide gets those in force; what it throws is thrown, and nothing stored
   */
  change<T extends ClaimChange>(at: string, decide: (active: readonly HeldClaim[]) => T): T;
}
