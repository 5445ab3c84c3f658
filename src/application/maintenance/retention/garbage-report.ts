import type { SessionId } from '../../../domain/ids.ts';
import type { NotRemoved } from '../../ports/maintenance.ts';

/** `leftover`: an unfinished earlier removal, or a folder without a session. */
export type RemovalReason = 'age' | 'count' | 'bytes' | 'leftover';

/** A worktree with work that cannot be kept in a commit, so that its session stays too. */
export interface HeldBack {
  readonly id: SessionId;
  /** Absolute path of the worktree. */
  readonly path: string;
  /** Why, and what to do. */
  readonly reason: string;
}

/** A branch or ref of a session that is gone. */
export interface RemovedRef {
  /** Full name. */
  readonly name: string;
  readonly sessionId: SessionId;
  readonly commit: string;
  /** `landed`: its work is on another branch. */
  readonly reason: 'landed' | 'age';
  /** When its session began, or its last commit was made, whichever is later. */
  readonly since: string;
}

export interface GarbageReport {
  readonly dryRun: boolean;
  /** Sessions that were removed, or would be, in this order. */
  readonly removed: readonly {
    readonly id: SessionId;
    readonly reason: RemovalReason;
    readonly endedAt: string | null;
    readonly bytes: number;
  }[];
  readonly removedBytes: number;
  readonly kept: number;
  /** Null unless a size limit applies, because it requires a stat of every file. */
  readonly keptBytes: number | null;
  /** From removed sessions, now or earlier; the next collection tries again. */
  readonly notRemoved: readonly NotRemoved[];
  readonly heldBack: readonly HeldBack[];
  /** Branches and refs that were deleted, or would be. */
  readonly refs: readonly RemovedRef[];
}

export type RemovalCandidate = GarbageReport['removed'][number];
