import type { SessionPart } from '../../domain/events/session-events.ts';
import { type DomainEvent, sessionEvent } from '../../domain/events.ts';
import type { SessionId } from '../../domain/ids.ts';
import type { Clock } from '../ports/clock.ts';

/**
 * Failures beside the work of one session that are retried. They become events, where users see them: one when a part
 * begins to fail, and one when it works again.
 */
export class SessionTroubles {
  readonly #id: SessionId;
  readonly #clock: Clock;
  readonly #changed: () => void;
  readonly #failing = new Set<SessionPart>();
  #unreported: DomainEvent[] = [];

  /** @param changed called when there is something to {@link take} */
  constructor(id: SessionId, clock: Clock, changed: () => void) {
    this.#id = id;
    this.#clock = clock;
    this.#changed = changed;
  }

  /** Restores what an earlier owner reported. */
  recall(parts: Iterable<SessionPart>): void {
    for (const part of parts) this.#failing.add(part);
  }

  failed(part: SessionPart, error: unknown): void {
    if (this.#failing.has(part)) return;
    this.#failing.add(part);
    const reason = error instanceof Error ? error.message : String(error);
    this.#tell(sessionEvent('session.degraded', this.#id, this.#clock.now(), { part, reason }));
  }

  works(part: SessionPart): void {
    if (!this.#failing.delete(part)) return;
    this.#tell(sessionEvent('session.restored', this.#id, this.#clock.now(), { part }));
  }

  /** The events since the last call. */
  take(): readonly DomainEvent[] {
    return this.#unreported.splice(0);
  }

  #tell(event: DomainEvent): void {
    this.#unreported.push(event);
    this.#changed();
  }
}
