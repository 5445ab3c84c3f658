import type { ShownClaim } from '../../../application/claims/path-claims.ts';
import type { ArtifactRecord } from '../../../application/ports/session-summary.ts';
import type { LiveStatus } from '../../../application/queries/live-status.ts';
import type { LandedWork } from '../../../domain/landing-outcome.ts';
import type { MessageState } from '../../../domain/message.ts';
import type { LandedBy } from '../../../domain/work-text.ts';
import type { Workflow } from '../../../domain/workflow.ts';

/** What a report on a session is made of. */
export interface SessionFacts {
  readonly workflow: Workflow;
  readonly artifacts: readonly ArtifactRecord[];
  /** Number of messages in each state. */
  readonly messages?: Readonly<Partial<Record<MessageState, number>>>;
  /** How many of the queued ones are for people. */
  readonly messagesForUser?: number;
  readonly liveStatus: LiveStatus;
  /** Files that were not recorded as artifacts, with the reasons. */
  readonly skipped?: readonly string[];
  /** Paths that the session's agents have claimed. */
  readonly claims?: readonly ShownClaim[];
  /** What became of each agent's work, if the session lands the work of another. */
  readonly landed?: readonly LandedWork[];
  /** The newest session that lands its work; null: none. */
  readonly landedBy?: LandedBy | null;
  /** Why the session has no owner although it should run; absent if the report did not check. */
  readonly unattended?: string | null;
  readonly folder: string;
}
