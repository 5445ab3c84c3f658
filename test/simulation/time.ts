/** All that promises lead to has happened when it settles; nothing here waits for the system. */
const turn = (): Promise<void> => new Promise((resolve) => process.nextTick(resolve));

interface Event {
  readonly due: number;
  readonly number: number;
  act: (() => void) | null;
}

/** Virtual time of a whole world: events happen in order, and each one's effects before the next. */
export class Time {
  nowMs = 0;
  readonly #heap: Event[] = [];
  #events = 0;

  /** @returns a function that cancels it */
  after(ms: number, act: () => void): () => void {
    this.#events += 1;
    const event: Event = { due: this.nowMs + Math.max(0, ms), number: this.#events, act };
    this.#push(event);
    return () => {
      event.act = null;
    };
  }

  /** Lets time pass until the condition holds. @returns whether it did in time */
  async pass(ms: number, until: () => boolean = () => false): Promise<boolean> {
    const end = this.nowMs + ms;
    await turn();
    while (!until()) {
      const [next] = this.#heap;
      if (next === undefined || next.due > end) {
        this.nowMs = end;
        return until();
      }
      this.#pop();
      if (next.act === null) continue;
      this.nowMs = next.due;
      next.act();
      await turn();
    }
    return true;
  }

  #push(event: Event): void {
    const heap = this.#heap;
    let at = heap.push(event) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!isBefore(event, heap[parent] as Event)) break;
      heap[at] = heap[parent] as Event;
      at = parent;
    }
    heap[at] = event;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop() as Event;
    if (heap.length === 0) return;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && isBefore(heap[child + 1] as Event, heap[child] as Event)) child += 1;
      if (!isBefore(heap[child] as Event, last)) break;
      heap[at] = heap[child] as Event;
      at = child;
    }
    heap[at] = last;
  }
}

function isBefore(a: Event, b: Event): boolean {
  return a.due < b.due || (a.due === b.due && a.number < b.number);
}
