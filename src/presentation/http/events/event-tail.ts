import type { ChangeWatcher } from '../../../application/change-watcher.ts';
import type { FeedStore, PositionedEvent } from '../../../application/ports/feed.ts';
import type { RecordedEvent } from '../../../domain/events.ts';
import type { SessionId } from '../../../domain/ids.ts';
import { eventView } from '../../contracts/views.ts';

/** An event in the form that every stream sends. */
export interface Frame {
  readonly position: number;
  readonly sessionId: SessionId;
  readonly type: string;
  /** The event as JSON. */
  readonly data: string;
}

export interface Page {
  /** In order; limited to what a socket can take easily. */
  readonly frames: readonly Frame[];
  /** The page is complete up to this position; continue from here. */
  readonly upTo: number;
}

const pageSize = 50;
/** A page is full after this many characters. */
const fullPage = 256 * 1024;
/**
 * Rows read from the store at a time: few for a reader that is behind, because its page may be full before all are
 * used.
 */
const batchSize = 100;
const pageOfStore = 20;
/** Default maximum characters of frames kept for all streams together; readers further behind read the store. */
const usuallyKept = 4 * 1024 * 1024;

/**
 * The newest events of a project, read once for all subscribers. Readers have no queues: each passes its position and
 * gets the next events from here, or from the store while it is further behind.
 */
export class EventTail {
  readonly #feed: FeedStore;
  readonly #watcher: ChangeWatcher;
  readonly #viewOf: (event: RecordedEvent) => object;
  readonly #maxKept: number;
  readonly #readers = new Set<() => void>();
  /** All events after `#floor`, up to `#head`. */
  #frames: Frame[] = [];
  #kept = 0;
  #floor = 0;
  #head = 0;
  #changed = false;
  #unsubscribe = (): void => {};

  /** @param viewOf what is sent of an event */
  constructor(
    feed: FeedStore,
    watcher: ChangeWatcher,
    viewOf: (event: RecordedEvent) => object = eventView,
    maxKept = usuallyKept,
  ) {
    this.#feed = feed;
    this.#watcher = watcher;
    this.#viewOf = viewOf;
    this.#maxKept = maxKept;
  }

  /**
   * Watches the store while there is at least one reader.
   * @param wake called when there may be new events
   * @returns a function that leaves
   */
  join(wake: () => void): () => void {
    if (this.#readers.size === 0) this.#begin();
    this.#readers.add(wake);
    return () => {
      if (this.#readers.delete(wake) && this.#readers.size === 0) this.#unsubscribe();
    };
  }

  /**
   * The events after a position, of all sessions or of one. Only for readers that have joined. @throws MaosError as the
   * store
   */
  after(position: number, of: SessionId | null): Page {
    this.#read();
    if (position < this.#floor) return this.#fromStore(position, of);
    const later = this.#frames.slice(this.#firstAfter(position));
    const wanted = of === null ? later : later.filter(({ sessionId }) => sessionId === of);
    return firstPage(wanted, Math.max(position, this.#head));
  }

  /** Whether {@link after} may return more than at its last call. */
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
      this.#kept += frame.data.length;
      this.#head = frame.position;
    }
    let surplus = 0;
    for (; this.#kept > this.#maxKept; surplus += 1) this.#kept -= this.#frames[surplus]?.data.length ?? 0;
    this.#floor = this.#frames[surplus - 1]?.position ?? this.#floor;
    this.#frames.splice(0, surplus);
  }

  #fromStore(position: number, of: SessionId | null): Page {
    // Positions are assigned under the store's write lock: when the head was read, every event below it was readable.
    const events = this.#feed.eventsAfter(position, pageOfStore, of ?? undefined);
    const last = events.at(-1)?.position ?? position;
    const upTo = events.length === pageOfStore ? last : Math.max(last, this.#head);
    return firstPage(
      events.map((event) => this.#frameOf(event)),
      upTo,
    );
  }

  /** Searches from the end, because most readers are near it. */
  #firstAfter(position: number): number {
    let index = this.#frames.length;
    while (index > 0 && (this.#frames[index - 1]?.position ?? 0) > position) index -= 1;
    return index;
  }

  #frameOf({ position, event }: PositionedEvent): Frame {
    const { sessionId, type } = event;
    return { position, sessionId, type, data: JSON.stringify(this.#viewOf(event)) };
  }
}

/** @param upTo the position to continue from when all frames fit */
function firstPage(frames: readonly Frame[], upTo: number): Page {
  let size = 0;
  for (const [index, { position, data }] of frames.entries()) {
    size += data.length;
    const isFull = size >= fullPage || index + 1 === pageSize;
    if (isFull && index + 1 < frames.length) return { frames: frames.slice(0, index + 1), upTo: position };
  }
  return { frames, upTo };
}
