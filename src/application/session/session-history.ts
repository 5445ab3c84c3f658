import type { BudgetFinding } from '../../domain/budget.ts';
import type { SessionPart } from '../../domain/events/session-events.ts';
import type { RecordedEvent } from '../../domain/events.ts';
import type { AgentId, SessionId } from '../../domain/ids.ts';
import type { Clock } from '../ports/clock.ts';
import type { SessionStore } from '../ports/session-store.ts';

/** How long an agent's current attempt, or the check of its work, was suspended. */
export interface SuspendedTime {
  readonly ms: number;
  /** Since when the agent is suspended; null: it is not. */
  readonly since: string | null;
}

const pageSize = 1_000;

/** How much of a time limit may be used up by time that the current owner has not measured itself. */
export const takenOverShare = 0.9;

/** What only a session's events contain: how long it ran, which agents were suspended, which warnings were given. */
export class SessionHistory {
  readonly #suspendedTimes = new Map<AgentId, SuspendedTime>();
  readonly #warned = new Set<string>();
  readonly #degraded = new Set<SessionPart>();
  #ranMs = 0;
  #runningSince: string | null = null;
  #watch: { readonly clock: Clock; readonly from: number; readonly ranBeforeMs: number } | null = null;
  #seq = 0;
  #lastAt: string | null = null;

  /** Reads the events since the last call. */
  read(store: Pick<SessionStore, 'events'>, id: SessionId): void {
    for (;;) {
      const events = store.events(id, this.#seq, pageSize);
      for (const event of events) this.#take(event);
      if (events.length < pageSize) return;
    }
  }

  /**
   * Call as the session's owner: from here on its run time is measured. Earlier time is known only from the machine's
   * clock, which may have been set, so it uses up at most a share of the session's remaining time.
   */
  watch(clock: Clock, maxWallMs: number | null): void {
    if (this.#runningSince === null || this.#watch !== null) return;
    const leftMs = maxWallMs === null ? Number.POSITIVE_INFINITY : Math.max(0, maxWallMs - this.#ranMs);
    const ranBeforeMs = Math.min(between(this.#runningSince, clock.now()), leftMs * takenOverShare);
    this.#watch = { clock, from: clock.elapsedMs(), ranBeforeMs };
  }

  /** How long the session has been running, in milliseconds, without pauses. */
  ranMs(now: string): number {
    if (this.#watch !== null) {
      const { clock, from, ranBeforeMs } = this.#watch;
      return this.#ranMs + ranBeforeMs + clock.elapsedMs() - from;
    }
    return this.#ranMs + (this.#runningSince === null ? 0 : between(this.#runningSince, now));
  }

  /** When the newest event was recorded; null before the first. */
  get lastAt(): string | null {
    return this.#lastAt;
  }

  suspendedTime(id: AgentId): SuspendedTime {
    return this.#suspendedTimes.get(id) ?? { ms: 0, since: null };
  }

  /** Agents that were suspended and not continued. */
  get suspended(): readonly AgentId[] {
    return [...this.#suspendedTimes].flatMap(([id, { since }]) => (since === null ? [] : [id]));
  }

  /** Warnings given, by {@link warningKey}. */
  get warned(): ReadonlySet<string> {
    return this.#warned;
  }

  /** Parts that failed beside the session's work and do not work again yet. */
  get degraded(): ReadonlySet<SessionPart> {
    return this.#degraded;
  }

  #take(event: RecordedEvent): void {
    this.#seq = event.seq;
    const { type, at, agentId } = event;
    this.#lastAt = at;
    switch (type) {
      case 'session.started':
      case 'session.resumed':
        this.#runningSince ??= at;
        break;
      case 'session.paused':
      case 'session.completed':
      case 'session.failed':
      case 'session.cancelled':
        this.#ranMs = this.ranMs(at);
        this.#runningSince = null;
        this.#watch = null;
        break;
      case 'session.clock_changed':
        this.#moveClock(event.data.byMs);
        break;
      case 'session.degraded':
        this.#degraded.add(event.data.part);
        break;
      case 'session.restored':
        this.#degraded.delete(event.data.part);
        break;
      case 'budget.warned':
        this.#warned.add(warningKey(agentId, event.data));
        break;
      case 'agent.started':
      case 'agent.fix_round':
      case 'landing.restarted':
      case 'verify.started':
      case 'agent.completed':
      case 'agent.failed':
      case 'agent.cancelled':
      case 'agent.interrupted':
      case 'agent.postponed':
        if (agentId !== null) this.#suspendedTimes.delete(agentId);
        break;
      case 'agent.suspended':
        if (agentId !== null)
          this.#suspendedTimes.set(agentId, { ...this.suspendedTime(agentId), since: at });
        break;
      case 'agent.continued':
        if (agentId !== null) this.#continue(agentId, at);
        break;
      default:
    }
  }

  /** The session did not run during this time, and suspended agents were not suspended for it. */
  #moveClock(byMs: number): void {
    if (this.#runningSince !== null) this.#runningSince = moved(this.#runningSince, byMs);
    for (const [id, { ms, since }] of this.#suspendedTimes) {
      if (since !== null) this.#suspendedTimes.set(id, { ms, since: moved(since, byMs) });
    }
  }

  #continue(id: AgentId, at: string): void {
    const { ms, since } = this.suspendedTime(id);
    this.#suspendedTimes.set(id, { ms: ms + (since === null ? 0 : between(since, at)), since: null });
  }
}

/**
 * A warning is given once per limit, and for a session's limit again when it is used up, because that is why the
 * session ends.
 */
export function warningKey(agentId: AgentId | null, { item, level }: BudgetFinding): string {
  return `${agentId ?? 'session'} ${item} ${level}`;
}

function between(from: string, to: string): number {
  return Math.max(0, Date.parse(to) - Date.parse(from));
}

function moved(at: string, byMs: number): string {
  return new Date(Date.parse(at) + byMs).toISOString();
}
