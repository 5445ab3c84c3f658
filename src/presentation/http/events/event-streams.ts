import type { Overview } from '../../../application/ports/feed.ts';
import type { Project } from '../../../application/project.ts';
import { sessionRanMs } from '../../../application/queries/live-status.ts';
import type { SessionId } from '../../../domain/ids.ts';
import { summaryView } from '../../contracts/views.ts';
import type { HttpDeps } from '../server/deps.ts';
import { eventIdOf, positionIn } from './event-position.ts';
import { type EventLimits, type EventStream, makeEventStream } from './event-stream.ts';
import { EventTail, frameText } from './event-tail.ts';

const defaults: EventLimits = { maxStreams: 256, heartbeatMs: 15_000, stallMs: 30_000 };

/** Ended sessions in a snapshot: all of 10,000 would take megabytes. */
const newestShown = 100;

/** All HTTP subscribers to the project's events. They share one reader of the store. */
export class EventStreams {
  readonly #deps: HttpDeps;
  readonly #limits: EventLimits;
  readonly #open = new Set<EventStream>();
  #tail: EventTail | null = null;
  #stalled = 0;

  constructor(deps: HttpDeps) {
    this.#deps = deps;
    this.#limits = { ...defaults, ...deps.eventLimits };
    deps.ending.addEventListener('abort', () => {
      for (const stream of [...this.#open]) stream.end();
    });
  }

  /** Number of open streams. */
  get open(): number {
    return this.#open.size;
  }

  /** Number of streams that ended because their clients did not read. */
  get stalled(): number {
    return this.#stalled;
  }

  get isFull(): boolean {
    return this.#open.size >= this.#limits.maxStreams;
  }

  /**
   * @param lastSeen the position to continue from; without one that is valid in this store, the stream begins with a
   *   snapshot
   * @param cut closes the connection of a client that does not read
   * @throws MaosError SESSION_NOT_FOUND, and errors of the store
   */
  follow(project: Project, of: SessionId | null, lastSeen: string | null, cut: () => void): ReadableStream {
    const { feed } = project.store;
    const { runtime } = this.#deps;
    this.#tail ??= new EventTail(feed, project.watcher);
    // Checked even when resuming from a position, because an unknown session would have no events.
    const overview = of === null ? null : feed.overviewOf(of);
    const resumed = lastSeen === null ? null : positionIn(feed.origin(), feed.lastPosition(), lastSeen);
    const start =
      resumed === null
        ? snapshotOf(project, overview ?? feed.overview(newestShown))
        : { position: resumed, text: '' };
    const stream = makeEventStream({
      tail: this.#tail,
      clock: project.clock,
      of,
      opening: `retry: 1000\n\n${start.text}`,
      after: start.position,
      heartbeatMs: this.#limits.heartbeatMs,
      stallMs: this.#limits.stallMs,
      onStalled: () => {
        this.#stalled += 1;
        runtime.log('info', 'event stream closed: the client does not read it', {
          waitedMs: this.#limits.stallMs,
        });
        cut();
      },
      onEnd: (error) => {
        this.#open.delete(stream);
        if (error !== undefined) runtime.log('error', 'event stream ended', { error });
      },
    });
    this.#open.add(stream);
    if (this.#deps.ending.aborted) stream.end();
    return stream.body;
  }
}

function snapshotOf({ store, clock }: Project, { position, sessions, omitted }: Overview) {
  const eventId = eventIdOf(store.feed.origin(), position);
  const now = Date.parse(clock.now());
  const data = {
    position: eventId,
    sessions: sessions.map((summary) => summaryView(summary, sessionRanMs(store, summary.session, now))),
    omitted,
  };
  return { position, text: frameText(eventId, 'snapshot', data) };
}
