/** What the decision is made from. */
export interface Engine {
  /** Bytes that the heap takes from the system. */
  heapBytes(): number;
  /** Processor time of this process, in milliseconds. */
  cpuMs(): number;
  /** Releases all memory that can be released; this blocks the process. */
  collect(): void;
}

const lookMs = 3_000;
/** Below this share of a processor the process is at rest. */
const restShare = 0.1;
/** Less growth is not worth about thirty milliseconds. */
const worthBytes = 12 * 2 ** 20;
/** What a server has that was asked a few things. One that begins to look in the middle of work has more, but not for long. */
const startBytes = 24 * 2 ** 20;

/**
 * Problem: after a busy minute V8 keeps its heap for minutes, because without allocations nothing starts a collection.
 * A server that needs 60 MB continues with 250.
 * Solution: collect once at rest after the heap has grown.
 * @returns a function that stops it
 */
export function giveBackMemoryAtRest(engine: Engine = thisProcess, everyMs: number = lookMs): () => void {
  let usedMs = engine.cpuMs();
  let leanBytes = Math.min(engine.heapBytes(), startBytes);
  const timer = setInterval(() => {
    const nowUsed = engine.cpuMs();
    const isAtRest = nowUsed - usedMs < everyMs * restShare;
    usedMs = nowUsed;
    if (!isAtRest || engine.heapBytes() - leanBytes < worthBytes) return;
    engine.collect();
    leanBytes = engine.heapBytes();
    usedMs = engine.cpuMs();
  }, everyMs);
  timer.unref();
  return () => clearInterval(timer);
}

type Collect = (options: { readonly type: 'major'; readonly flavor: 'last-resort' }) => void;
let gc: Collect | null = null;

export const thisProcess: Engine = {
  heapBytes: () => process.memoryUsage().heapTotal,
  cpuMs() {
    const { user, system } = process.cpuUsage();
    return (user + system) / 1_000;
  },
  collect() {
    if (gc === null) {
      // The way to `gc` without an option on the command line, which only who starts MAOS can give. Not imported: most
      // processes never collect, and to load it takes a millisecond or two.
      process.getBuiltinModule('node:v8').setFlagsFromString('--expose-gc');
      gc = process.getBuiltinModule('node:vm').runInNewContext('gc') as Collect;
    }
    gc({ type: 'major', flavor: 'last-resort' });
  },
};
