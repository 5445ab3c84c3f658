import type { SessionId } from '../../../domain/ids.ts';
import type { NotRemoved } from '../../ports/maintenance.ts';

/** `leftover`: an unfinished earlier removal, or a folder without a session. */
export type RemovalReason = 'age' | 'count' | 'bytes' | 'leftover';

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
}

export type RemovalCandidate = GarbageReport['removed'][number];
