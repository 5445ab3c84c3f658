import { setImmediate as turn } from 'node:timers/promises';
import type { MemoryFiles } from './files.ts';
import type { MemoryInput } from './input.ts';

/** Thrown to unwind a program that a signal ends. */
export class Terminated extends Error {
  readonly signal: string;

  constructor(signal: string) {
    super(signal);
    this.signal = signal;
  }
}

/** The arguments and environment of a program. */
export interface ProgramStart {
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string;
  readonly stdin: string;
  /** Input that arrives on stdin while it runs; null: none. */
  readonly input: MemoryInput | null;
  readonly files: MemoryFiles;
  print(stream: 'stdout' | 'stderr', bytes: Buffer): void;
}

/** A program of the in-memory machine. @returns its exit status */
export type Program = (start: ProgramStart, process: MemoryProcess) => Promise<number>;

/** A process of the in-memory machine. Before every step, its program waits for permission to continue. */
export class MemoryProcess {
  readonly pid: number;
  /** Its reaction to a signal: none for `ignored`, a function's; otherwise it ends. */
  readonly traps = new Map<string, 'ignored' | (() => Promise<void>)>();
  /** Programs that it has started in the background. */
  readonly children: Promise<number>[] = [];
  #running = 0;
  #signal: string | null = null;
  #trapped: (() => Promise<void>) | null = null;
  #suspension: PromiseWithResolvers<void> | null = null;
  #wakers = new Set<() => void>();

  constructor(pid: number) {
    this.pid = pid;
  }

  /** Waits while it is suspended. @throws Terminated when a signal has ended it */
  async step(): Promise<void> {
    await turn();
    while (this.#suspension !== null && this.#signal === null) await this.#suspension.promise;
    if (this.#signal !== null) throw new Terminated(this.#signal);
    const trapped = this.#trapped;
    this.#trapped = null;
    await trapped?.();
  }

  /** A signal interrupts it. */
  async sleep(ms: number): Promise<void> {
    let wake = (): void => {};
    const timer = setTimeout(() => wake(), Math.min(ms, 2 ** 31 - 1));
    await new Promise<void>((resolve) => {
      wake = resolve;
      this.#wakers.add(wake);
    });
    clearTimeout(timer);
    this.#wakers.delete(wake);
    await this.step();
  }

  /** Starts something in the background. */
  fork(run: () => Promise<number>): void {
    this.#running += 1;
    const child = run()
      .catch(() => 143)
      .finally(() => {
        this.#running -= 1;
      });
    this.children.push(child);
  }

  /** Waits for its background programs, unless a signal arrives. */
  async whenJoined(): Promise<void> {
    const isDone = Promise.all(this.children);
    let wake = (): void => {};
    const isWoken = new Promise<void>((resolve) => {
      wake = resolve;
      this.#wakers.add(wake);
    });
    await Promise.race([isDone, isWoken]);
    this.#wakers.delete(wake);
    await this.step();
  }

  /** Number of its running background programs. */
  get forked(): number {
    return this.#running;
  }

  signal(name: string): void {
    const trap = name === 'SIGKILL' ? undefined : this.traps.get(name);
    if (trap === 'ignored') return;
    if (trap === undefined) this.#signal ??= name;
    else this.#trapped = trap;
    if (this.#signal !== null) this.resume();
    for (const wake of this.#wakers) wake();
  }

  suspend(): void {
    this.#suspension ??= Promise.withResolvers();
  }

  resume(): void {
    this.#suspension?.resolve();
    this.#suspension = null;
  }
}
