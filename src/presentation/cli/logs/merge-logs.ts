/** Items that are read one after the other, in the order of their times. */
export interface TimedSource<T> {
  /** Whether {@link fill} must be awaited before {@link headAt} is known. */
  readonly needsFill: boolean;
  /** Reads until there is an item, or no more for now. */
  fill(): Promise<void>;
  /** The time of the next item; null when there is none for now. Never before that of the previous item. */
  headAt(): number | null;
  take(): T | null;
}

/** Passes on all items that the sources have for now, the earliest first. Reads a page of each at a time. */
export async function mergeLogs<T>(
  sources: readonly TimedSource<T>[],
  pass: (item: T) => void | Promise<void>,
  ready: () => Promise<void>,
): Promise<void> {
  for (;;) {
    let first: TimedSource<T> | null = null;
    let firstAt = Number.POSITIVE_INFINITY;
    let nextAt = Number.POSITIVE_INFINITY;
    for (const source of sources) {
      if (source.needsFill) await source.fill();
      const at = source.headAt();
      if (at === null) continue;
      if (first === null || at < firstAt) {
        nextAt = firstAt;
        firstAt = at;
        first = source;
      } else nextAt = Math.min(nextAt, at);
    }
    if (first === null) return;
    for (let at: number | null = firstAt; at !== null && at <= nextAt; at = first.headAt()) {
      const item = first.take();
      if (item !== null) {
        const passed = pass(item);
        if (passed !== undefined) await passed;
      }
      if (!first.needsFill) continue;
      await ready();
      await first.fill();
    }
    await ready();
  }
}
