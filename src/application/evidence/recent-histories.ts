import type { RecordedEvent } from '../../domain/events.ts';
import type { SessionId } from '../../domain/ids.ts';
import type { SessionReader } from '../ports/session-reader.ts';
import { allEvents, historyEvents } from './agent-history.ts';

type Source = Pick<SessionReader, 'events' | 'lastSeq'>;

interface Kept {
  readonly source: Source;
  readonly upTo: number;
  readonly events: readonly RecordedEvent[];
}

const maxKept = 4;

/**
 * The attempts and checks of sessions that somebody looks at again and again while they run. Only what is new is read:
 * to find these events among 100,000 others takes a tenth of a second.
 */
export class RecentHistories {
  readonly #kept = new Map<SessionId, Kept>();

  /** All {@link historyEvents} of a session, in order. */
  of(source: Source, id: SessionId): readonly RecordedEvent[] {
    const last = source.lastSeq(id);
    const found = this.#kept.get(id);
    // Another store may have replaced the one that was read.
    const known = found?.source === source && found.upTo <= last ? found : { upTo: 0, events: [] };
    const added = known.upTo === last ? [] : allEvents(source, id, historyEvents, known.upTo);
    const events = added.length === 0 ? known.events : [...known.events, ...added];
    this.#kept.delete(id);
    this.#kept.set(id, { source, upTo: Math.max(last, added.at(-1)?.seq ?? 0), events });
    const [oldest] = this.#kept.keys();
    if (this.#kept.size > maxKept && oldest !== undefined) this.#kept.delete(oldest);
    return events;
  }
}
