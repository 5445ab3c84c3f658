import type { SessionEvent } from '../api.ts';

/** The loaded events of one session, newest first, without a gap or a repeat. */
export interface EventLog {
  readonly events: readonly SessionEvent[];
  /** Whether the first event of the session is among them. */
  readonly isComplete: boolean;
}

export const noEvents: EventLog = { events: [], isComplete: false };

/** Older ones are loaded again when somebody scrolls to them. */
const maxKept = 20_000;

export function withNewer(log: EventLog, newer: readonly SessionEvent[]): EventLog {
  const last = log.events[0]?.seq ?? 0;
  const added = newer.filter(({ seq }) => seq > last).sort((a, b) => b.seq - a.seq);
  if (added.length === 0) return log;
  const events = [...added, ...log.events];
  if (events.length <= maxKept) return { ...log, events };
  return { events: events.slice(0, maxKept), isComplete: false };
}

export function withOlder(log: EventLog, older: readonly SessionEvent[]): EventLog {
  const first = log.events.at(-1)?.seq ?? Number.POSITIVE_INFINITY;
  const added = older.filter(({ seq }) => seq < first).sort((a, b) => b.seq - a.seq);
  const events = [...log.events, ...added];
  return { events, isComplete: events.at(-1)?.seq === 1 || older.length === 0 };
}
