import type { AgentState, FailureKind } from '../../domain/agent.ts';
import type { EventType, RecordedEvent } from '../../domain/events.ts';
import type { SessionId } from '../../domain/ids.ts';
import type { SessionState } from '../../domain/session.ts';
import type { Usage } from '../../domain/usage.ts';
import type { SessionSummary } from './session-summary.ts';

/** For following a whole project: its events in one order, and the state of its sessions at one moment. */

/**
 * A stored event with its position among all events of the project. Positions grow in the order of storing, across
 * processes, and are never reused, whatever is removed.
 */
export interface PositionedEvent {
  /** From 1. */
  readonly position: number;
  readonly event: RecordedEvent;
}

/** The sessions of a project right after the event at `position`. */
export interface Overview {
  /** 0: there are no events yet. */
  readonly position: number;
  /** Newest first: all that have not ended, and the newest of the others. */
  readonly sessions: readonly SessionSummary[];
  /** Number of sessions not included. */
  readonly omitted: number;
}

/** Sums over the whole store. States without entries are missing. */
export interface StoreFigures {
  readonly sessions: ReadonlyMap<SessionState, number>;
  readonly agents: ReadonlyMap<AgentState, number>;
  /** Null: nothing was reported. */
  readonly usage: Usage | null;
}

export interface EventCount {
  readonly type: EventType;
  /** Of `agent.failed` and `agent.cancelled` events that have one. */
  readonly kind: FailureKind | null;
  readonly count: number;
}

/** Every method is one transaction and throws like those of SessionStore. */
export interface FeedStore {
  /** Distinguishes this store from a new one in its place; null before its first session. Letters and digits. */
  origin(): string | null;
  /** Position of the last event ever stored, removed or not; 0 for none. */
  lastPosition(): number;
  /** Position of the last event before a time, 0 for none; later positions are events at or after that time. */
  positionBefore(at: string): number;
  /** Events after a position, in order, of all sessions or of one. */
  eventsAfter(position: number, limit: number, of?: SessionId): readonly PositionedEvent[];
  /** @param newest minimum number of sessions, in any state */
  overview(newest: number): Overview;
  /** @throws MaosError SESSION_NOT_FOUND */
  overviewOf(id: SessionId): Overview;
  figures(): StoreFigures;
  /** Counts the events of each kind after a position. `position`: that of the last counted event, or the given one. */
  countEvents(after: number): { readonly position: number; readonly counts: readonly EventCount[] };
}
