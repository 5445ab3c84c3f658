import type { EventType, RecordedEvent } from '../../domain/events.ts';
import type { AgentId, SessionId } from '../../domain/ids.ts';
import type { SessionState } from '../../domain/session.ts';
import type { Workflow } from '../../domain/workflow.ts';
import type { ArtifactRecord, SessionSummary } from './session-summary.ts';

export interface SessionSearch {
  readonly state?: SessionState;
  /** Part of the id or the objective; ASCII letters in either case. */
  readonly text?: string;
  /** Only smaller ids. */
  readonly before?: SessionId;
  readonly limit: number;
}

/** Read access to the stored sessions. Throws like the store. */
export interface SessionReader {
  /** @throws MaosError SESSION_NOT_FOUND */
  load(id: SessionId): Workflow;
  summary(id: SessionId): SessionSummary;
  /**
   * Most recently stored first, independent of the clock. `before` is the id of the last session on the previous page.
   */
  list(query: { state?: SessionState; limit: number; before?: SessionId }): readonly SessionSummary[];
  /** By id, newest first: an order that sessions of several projects share. */
  search(query: SessionSearch): readonly SessionSummary[];
  /** Sessions that land the work of this one, newest first, ended ones included. */
  landingsOf(id: SessionId): readonly SessionId[];
  /** The session with this idempotency key; null if there is none. */
  sessionWithKey(key: string): SessionId | null;
  /** Ids that start or end with the text (ignoring the prefix `sess_`), newest first, at most `limit`. */
  findSessions(text: string, limit: number): readonly SessionId[];
  findAgents(text: string, limit: number): readonly { sessionId: SessionId; agentId: AgentId }[];
  /** Events with `seq` above `after`, in order. With `types`, only those of these types, which is much faster. */
  events(id: SessionId, after: number, limit: number, types?: readonly EventType[]): readonly RecordedEvent[];
  lastSeq(id: SessionId): number;
  /** The newest record of each path, by path. */
  artifacts(id: SessionId): readonly ArtifactRecord[];
  /** A number that changes whenever another process has written (cheap: one pragma, no read). */
  dataVersion(): number;
}
