import type { ChangeWatcher } from '../../../application/change-watcher.ts';
import type { FeedStore, PositionedEvent } from '../../../application/ports/feed.ts';
import type { SessionId } from '../../../domain/ids.ts';
import { eventView } from '../../contracts/views.ts';
import { eventIdOf } from './event-position.ts';

/** An event as it is sent down every stream. */
interface Frame {
  readonly position: number;
  readonly sessionId: SessionId;
  readonly text: string;
}

export interface Page {
  /** In order; not more than a socket takes easily. */
  readonly frames: readonly Frame[];
  /** Nothing is missing up to here: where to go on. */
  readonly upTo: number;
}

const pageSize = 50;
/** Characters after which a page is full. */
const fullPage = 256 * 1024;
/** Rows asked of the store at a time: few for one who is behind, as a page may be full before they are used. */
const batchSize = 100;
const pageOfStore = 20;
/** Characters of frames kept for all streams together; who is further behind reads the store. */
const maxKept = 4 * 1024 * 1024;

/**
 * The newest events of a project, read once for all who follow it. No reader has its own queue: each names its
 * position and takes the next events, from here, or from the store while it is further behind.
 */
export class EventTail {
  readonly #feed: FeedStore;
  readonly #watcher: ChangeWatcher;
  readonly #readers = new Set<() => void>();
  #origin: string | null = null;
  /** All events above `#floor` up to `#head`. */
  #frames: Frame[] = [];
  #kept = 0;
  #floor = 0;
  #head = 0;
  #changed = false;
  #unsubscribe = (): void => {};

  constructor(feed: FeedStore, watcher: ChangeWatcher) {
    this.#feed = feed;
    this.#watcher = watcher;
  }

  /**
   * Watches the store as long as anybody does.
   * @param wake called when there may be more
   * @returns the function that ends it
   */
  join(wake: () => void): () => void {
    if (this.#readers.size === 0) this.#begin();
    this.#readers.add(wake);
    return () => {
      if (this.#readers.delete(wake) && this.#readers.size === 0) this.#unsubscribe();
    };
  }

  /** What comes after a position, of all sessions or of one. Only for those who joined. @throws MaosError as the store */
  after(position: number, of: SessionId | null): Page {
    this.#read();
    if (position < this.#floor) return this.#fromStore(position, of);
    const later = this.#frames.slice(this.#firstAfter(position));
    const wanted = of === null ? later : later.filter(({ sessionId }) => sessionId === of);
    return firstPage(wanted, Math.max(position, this.#head));
  }

  /** Whether {@link after} may have more to give than when it was last asked. */
  get hasUnsavedEvents(): boolean {
    return this.#changed;
  }

  #begin(): void {
    this.#unsubscribe = this.#watcher.subscribe(() => {
      this.#changed = true;
      for (const wake of [...this.#readers]) wake();
    });
    this.#frames = [];
    this.#kept = 0;
    this.#head = this.#feed.lastPosition();
    this.#floor = this.#head;
    this.#changed = false;
  }

  #read(): void {
    if (!this.#changed) return;
    const events = this.#feed.eventsAfter(this.#head, batchSize);
    this.#changed = events.length === batchSize;
    for (const event of events) {
      const frame = this.#frameOf(event);
      this.#frames.push(frame);
      this.#kept += frame.text.length;
      this.#head = frame.position;
    }
    let surplus = 0;
    for (; this.#kept > maxKept; surplus += 1) this.#kept -= this.#frames[surplus]?.text.length ?? 0;
    this.#floor = this.#frames[surplus - 1]?.position ?? this.#floor;
    this.#frames.splice(0, surplus);
  }

  #fromStore(position: number, of: SessionId | null): Page {
    // Places are given out under the store's write lock: when the head was read, all below it was there to be read.
    const events = this.#feed.eventsAfter(position, pageOfStore, of ?? undefined);
    const last = events.at(-1)?.position ?? position;
    const upTo = events.length === pageOfStore ? last : Math.max(last, this.#head);
    return firstPage(
      events.map((event) => this.#frameOf(event)),
      upTo,
    );
  }

  /** Who follows closely is near the end. */
  #firstAfter(position: number): number {
    let index = this.#frames.length;
    while (index > 0 && (this.#frames[index - 1]?.position ?? 0) > position) index -= 1;
    return index;
  }

  #frameOf({ position, event }: PositionedEvent): Frame {
    this.#origin ??= this.#feed.origin();
    const text = frameText(eventIdOf(this.#origin, position), event.type, eventView(event));
    return { position, sessionId: event.sessionId, text };
  }
}

/** @param upTo where to go on when all of them fit */
function firstPage(frames: readonly Frame[], upTo: number): Page {
  let size = 0;
  for (const [index, { position, text }] of frames.entries()) {
    size += text.length;
    const isFull = size >= fullPage || index + 1 === pageSize;
    if (isFull && index + 1 < frames.length) return { frames: frames.slice(0, index + 1), upTo: position };
  }
  return { frames, upTo };
}

/** One event of a stream (https://html.spec.whatwg.org/multipage/server-sent-events.html). JSON has no line feeds. */
export function frameText(id: string, type: string, data: unknown): string {
  return `id: ${id}\nevent: ${type}\ndata: ${JSON.stringify(data)}\n\n`;
}
