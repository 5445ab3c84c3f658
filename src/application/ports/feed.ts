import type { AgentState, FailureKind } from '../../domain/agent.ts';
import type { EventType, RecordedEvent } from '../../domain/events.ts';
import type { SessionId } from '../../domain/ids.ts';
import type { SessionState } from '../../domain/session.ts';
import type { Usage } from '../../domain/usage.ts';
import type { SessionSummary } from './session-summary.ts';

/** What following a whole project needs: its events in one order, and what its sessions are at one moment. */

/**
 * A stored event with its place among all events of the project. Places grow in the order in which events were stored,
 * by whichever process, and none is given out twice, whatever is removed.
 */
export interface PlacedEvent {
  /** From 1. */
  readonly place: number;
  readonly event: RecordedEvent;
}

/** The sessions of a project as they were when the event at `place` was the last one. */
export interface Overview {
  /** 0: there has been none. */
  readonly place: number;
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
  /** Place of the last event ever stored, removed or not; 0 for none. */
  lastPlace(): number;
  /** Place of the last event before a time, 0 for none: those above it happened then or later. */
  placeBefore(at: string): number;
  /** Events above a place, in order, of all sessions or of one. */
  eventsAfter(place: number, limit: number, of?: SessionId): readonly PlacedEvent[];
  /** @param newest how many sessions at least, whatever their state */
  overview(newest: number): Overview;
  /** @throws MaosError SESSION_NOT_FOUND */
  overviewOf(id: SessionId): Overview;
  figures(): StoreFigures;
  /** How many events of each kind there are above a place; `place`: of the last of them, or the one given. */
  countEvents(after: number): { readonly place: number; readonly counts: readonly EventCount[] };
}
