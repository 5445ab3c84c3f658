import type { AgentState, FailureKind } from '../../domain/agent.ts';
import type { EventType, RecordedEvent } from '../../domain/events.ts';
import type { SessionId } from '../../domain/ids.ts';
import type { SessionState } from '../../domain/session.ts';
import type { Usage } from '../../domain/usage.ts';
import type { SessionSummary } from './session-summary.ts';

/** What following a whole project needs: its events in one order, and what its sessions are at one moment. */

/**
 * A stored event with its position among all events of the project. Positions grow in the order in which events were stored,
 * by whichever process, and none is given out twice, whatever is removed.
 */
export interface PositionedEvent {
  /** From 1. */
  readonly position: number;
  readonly event: RecordedEvent;
}

/** The sessions of a project as they were when the event at `position` was the last one. */
export interface Overview {
  /** 0: there has been none. */
  readonly position: number;
  /** Newest first: all that have not ended, and the newest of the others. */
  readonly sessions: readonly SessionSummary[];
  /** Sessions there are besides. */
  readonly omitted: number;
}

/** Sums over everything the store holds. States that nothing is in are missing. */
export interface StoreFigures {
  readonly sessions: ReadonlyMap<SessionState, number>;
  readonly agents: ReadonlyMap<AgentState, number>;
  /** Null: nothing was reported. */
  readonly usage: Usage | null;
}

export interface EventCount {
  readonly type: EventType;
  /** Of `agent.failed` and `agent.cancelled`, where they name one. */
  readonly kind: FailureKind | null;
  readonly count: number;
}

/** Every method is one transaction and throws as those of SessionStore do. */
export interface FeedStore {
  /** Tells this store from one made anew in its place; null before its first session. Letters and digits. */
  origin(): string | null;
  /** Position of the last event ever stored, removed or not; 0 for none. */
  lastPosition(): number;
  /** Position of the last event before a time, 0 for none: those above it happened then or later. */
  positionBefore(at: string): number;
  /** Events above a position, in order, of all sessions or of one. */
  eventsAfter(position: number, limit: number, of?: SessionId): readonly PositionedEvent[];
  /** @param newest how many sessions at least, in any state */
  overview(newest: number): Overview;
  /** @throws MaosError SESSION_NOT_FOUND */
  overviewOf(id: SessionId): Overview;
  figures(): StoreFigures;
  /** How many events of each kind there are above a position; `position`: of the last of them, or the one given. */
  countEvents(after: number): { readonly position: number; readonly counts: readonly EventCount[] };
}
