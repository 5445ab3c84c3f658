/** Settles with the first of the events, or after `ms` milliseconds. The events must not reject. */
export async function firstOf(ms: number, events: readonly Promise<unknown>[]): Promise<void> {
  if (ms <= 0) return;
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, Math.min(ms, 2 ** 31 - 1));
  });
  await Promise.race([timeout, ...events]);
  clearTimeout(timer);
}

/** An event that can happen more than once. */
export interface Bell {
  ring(): void;
  /** Settles at the next ring. */
  next(): Promise<void>;
}

export function makeBell(): Bell {
  let waiting = Promise.withResolvers<void>();
  return {
    ring() {
      waiting.resolve();
      waiting = Promise.withResolvers<void>();
    },
    next: () => waiting.promise,
  };
}
