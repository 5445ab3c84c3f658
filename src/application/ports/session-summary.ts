import type { AgentId } from '../../domain/ids.ts';
import type { Progress } from '../../domain/orchestration.ts';
import type { Session } from '../../domain/session.ts';
import type { Usage } from '../../domain/usage.ts';

export interface SessionSummary {
  readonly session: Session;
  readonly progress: Progress;
  readonly usage: Usage | null;
}

export interface ArtifactRecord {
  /** Relative to the session's folder, `/` between parts: `shared/context/spec.md`, `results/reviewer/report.md`. */
  readonly path: string;
  readonly sizeBytes: number;
  readonly sha256: string;
  /** The agent that left it; null if several could have. */
  readonly by: AgentId | null;
  /** Names of the agents that could have left it. */
  readonly candidates: readonly string[];
  readonly recordedAt: string;
}
