import type { Project } from '../../../application/project.ts';
import { sessionRanMs } from '../../../application/queries/live-status.ts';
import type { SessionId } from '../../../domain/ids.ts';
import { summaryView } from '../../contracts/views.ts';
import { eventIdOf, positionIn } from './event-position.ts';
import type { EventTail } from './event-tail.ts';

/** Ended sessions in a snapshot: all of 10,000 would take megabytes. */
export const newestShown = 100;

/** What one stream sends, from where its subscriber is. */
export interface EventSource {
  /** Sent first; empty for a subscriber that continues from a position. */
  readonly opening: string;
  /** @param wake called when {@link next} may have more @returns a function that leaves */
  join(wake: () => void): () => void;
  /** The next events, limited to what a socket can take easily; empty: there are none now. Only after joining. */
  next(): string;
  /** Whether {@link next} may have more than at its last call. */
  readonly mayHaveMore: boolean;
}

/**
 * The events of one project, or of one of its sessions.
 * @param lastSeen the position to continue from; without one that is valid in this store, a snapshot opens the stream
 * @throws MaosError SESSION_NOT_FOUND, and errors of the store
 */
export function projectSource(
  project: Project,
  tail: EventTail,
  of: SessionId | null,
  lastSeen: string | null,
): EventSource {
  const { feed } = project.store;
  // Checked even when resuming from a position, because an unknown session would have no events.
  const overview = of === null ? null : feed.overviewOf(of);
  const resumed = lastSeen === null ? null : positionIn(feed.origin(), feed.lastPosition(), lastSeen);
  let opening = '';
  let position = resumed ?? 0;
  let origin: string | null = null;
  const idOf = (at: number): string => {
    origin ??= feed.origin();
    return eventIdOf(origin, at);
  };
  if (resumed === null) {
    const { sessions, omitted, ...found } = overview ?? feed.overview(newestShown);
    position = found.position;
    const now = Date.parse(project.clock.now());
    const id = idOf(position);
    const shown = sessions.map((summary) =>
      summaryView(summary, sessionRanMs(project.store, summary.session, now)),
    );
    opening = frameText(id, 'snapshot', JSON.stringify({ position: id, sessions: shown, omitted }));
  }
  return {
    opening,
    join: (wake) => tail.join(wake),
    next() {
      const { frames, upTo } = tail.after(position, of);
      position = upTo;
      return frames.map(({ type, data, position: at }) => frameText(idOf(at), type, data)).join('');
    },
    get mayHaveMore() {
      return tail.hasUnsavedEvents;
    },
  };
}

/**
 * Formats one server-sent event (https://html.spec.whatwg.org/multipage/server-sent-events.html).
 * @param json has no line feeds
 */
export function frameText(id: string, type: string, json: string): string {
  return `id: ${id}\nevent: ${type}\ndata: ${json}\n\n`;
}
