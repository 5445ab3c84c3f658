import type { EventType, RecordedEvent } from '../../domain/events.ts';
import type { SessionId } from '../../domain/ids.ts';
import type { SessionReader } from '../ports/session-reader.ts';

/** Number of newest events searched. */
const searched = 1_000;

/** The events of these types among the newest ones of a session, in order. May miss older ones. */
export function newestEvents(
  store: Pick<SessionReader, 'events' | 'lastSeq'>,
  id: SessionId,
  types: readonly EventType[],
): readonly RecordedEvent[] {
  return store.events(id, Math.max(0, store.lastSeq(id) - searched), searched, types);
}
