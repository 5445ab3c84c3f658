/** The measurements that the decision is based on, and the action. */
export interface Engine {
  /** Bytes of the heap that V8 has reserved. */
  heapBytes(): number;
  /** Processor time of this process, in milliseconds. */
  cpuMs(): number;
  /** Releases all memory that can be released; this blocks the process. */
  collect(): void;
}

const lookMs = 3_000;
/** Below this share of a processor the process is at rest. */
const restShare = 0.1;
/** A collection takes about 30 ms and is not worth it for less growth. */
const worthBytes = 12 * 2 ** 20;
/**
 * The heap of a server after a few requests. If watching begins in the middle of work, the heap is larger, but not for
 * long.
 */
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
      // Makes `gc` available without the command-line option, which only the caller of MAOS could set. Loaded here
      // because most processes never collect, and loading takes 1–2 ms.
      const { setFlagsFromString } = process.getBuiltinModule('node:v8');
      setFlagsFromString('--expose-gc');
      gc = process.getBuiltinModule('node:vm').runInNewContext('gc') as Collect;
      // Code that the launcher saves from now on would be refused by every process without the option.
      setFlagsFromString('--no-expose-gc');
    }
    gc({ type: 'major', flavor: 'last-resort' });
  },
};
