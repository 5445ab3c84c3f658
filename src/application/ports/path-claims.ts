import type { DomainEvent } from '../../domain/events.ts';
import type { HeldClaim, PathClaim, PathConflict } from '../../domain/path-claim.ts';

/** A change of claims, stored in one transaction with its events. */
export interface ClaimChange {
  readonly put?: readonly PathClaim[];
  readonly remove?: readonly PathClaim[];
  /** Conflicts that the agent is informed of, so that it is not informed again in the same attempt. */
  readonly told?: {
    readonly agentId: PathClaim['agentId'];
    readonly attempt: number;
    readonly of: readonly PathConflict[];
  };
  readonly events: readonly DomainEvent[];
}

/**
 * Which agents work on which paths of one project. A claim is in force until its time is over and while its agent has
 * not ended: as long as its attempt runs, or a later attempt resumes the conversation. Throws like SessionStore.
 */
export interface PathClaimStore {
  /** Claims in force at that time, oldest first. */
  active(at: string): readonly HeldClaim[];
  /** The conflicts that the agent has not been informed of in this attempt. */
  untold(
    agentId: PathClaim['agentId'],
    attempt: number,
    conflicts: readonly PathConflict[],
  ): readonly PathConflict[];
  /**
   * Decides and stores in one transaction. Events of a session that has ended are not stored.
   * @param decide receives the claims in force; its errors are passed on, and nothing is stored
   */
  change<T extends ClaimChange>(at: string, decide: (active: readonly HeldClaim[]) => T): T;
}
