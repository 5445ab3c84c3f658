import type { Clock } from '../../../application/ports/clock.ts';
import type { Project } from '../../../application/project.ts';
import type { SessionId } from '../../../domain/ids.ts';
import type { HttpDeps } from '../server/deps.ts';
import { allSource } from './all-source.ts';
import { type EventSource, projectSource } from './event-source.ts';
import { type EventLimits, type EventStream, makeEventStream } from './event-stream.ts';
import { EventTail } from './event-tail.ts';
import { ProjectFeeds } from './project-feeds.ts';

const defaults: EventLimits = { maxStreams: 256, heartbeatMs: 15_000, stallMs: 30_000, lookMs: 2_000 };

/** All HTTP subscribers to events. Those of one project share one reader of its store. */
export class EventStreams {
  readonly #deps: HttpDeps;
  readonly #limits: EventLimits;
  readonly #open = new Set<EventStream>();
  #tail: EventTail | null = null;
  #projects: ProjectFeeds | null = null;
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
    this.#tail ??= new EventTail(project.store.feed, project.watcher);
    return this.#start(projectSource(project, this.#tail, of, lastSeen), project.clock, cut);
  }

  /** The streams of all projects; await its `look` before {@link followAll}. */
  get projects(): ProjectFeeds {
    this.#projects ??= new ProjectFeeds(this.#deps.runtime, this.#limits.lookMs);
    return this.#projects;
  }

  /** As {@link follow}, for the events of every project. */
  followAll(clock: Clock, lastSeen: string | null, cut: () => void): ReadableStream {
    return this.#start(allSource(this.projects, lastSeen), clock, cut);
  }

  #start(source: EventSource, clock: Clock, cut: () => void): ReadableStream {
    const { runtime } = this.#deps;
    const stream = makeEventStream({
      ...{ source, clock },
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
