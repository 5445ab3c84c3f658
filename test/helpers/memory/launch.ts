import type {
  AgentEnd,
  LaunchKey,
  OutputSink,
  ResourceSample,
  RunningAgent,
  StopReport,
} from '../../../src/application/ports/agent-host.ts';
import { type MemoryInput, refused } from './input.ts';
import { MemoryProcess, type Program, type ProgramStart, Terminated } from './program.ts';

/** An agent's output over all its attempts. */
export class Output {
  bytes: Buffer = Buffer.alloc(0);
  lastAt: number | null = null;

  append(bytes: Uint8Array): void {
    this.bytes = Buffer.concat([this.bytes, bytes]);
    this.lastAt = Date.now();
  }
}

export type Outputs = Readonly<Record<'stdout' | 'stderr', Output>>;

interface Follower {
  readonly sink: OutputSink;
  readonly settle: (end: AgentEnd) => void;
}

/** One attempt of one agent on the in-memory machine, from start to end. */
export class Launch {
  readonly from: Readonly<Record<'stdout' | 'stderr', number>>;
  readonly #process: MemoryProcess;
  readonly #outputs: Outputs;
  readonly #followers = new Set<Follower>();
  readonly #gone = Promise.withResolvers<void>();
  #end: AgentEnd | null = null;
  readonly #input: MemoryInput | null;
  #isStopped = false;
  #isLost = false;

  constructor(pid: number, outputs: Outputs, input: MemoryInput | null) {
    this.#input = input;
    this.#process = new MemoryProcess(pid);
    this.#outputs = outputs;
    this.from = { stdout: outputs.stdout.bytes.length, stderr: outputs.stderr.bytes.length };
  }

  begin(program: Program, start: Omit<ProgramStart, 'print'>): void {
    const print: ProgramStart['print'] = (stream, bytes) => {
      this.#outputs[stream].append(bytes);
      if (stream === 'stdout') for (const { sink } of this.#followers) sink.stdout(bytes);
    };
    void this.#run(program, { ...start, print });
  }

  async #run(program: Program, start: ProgramStart): Promise<void> {
    const process = this.#process;
    let exit: { exitCode: number | null; signal: string | null };
    try {
      await process.step();
      exit = { exitCode: await program(start, process), signal: null };
    } catch (error) {
      if (!(error instanceof Terminated)) start.print('stderr', Buffer.from(`${error}\n`));
      exit =
        error instanceof Terminated
          ? { exitCode: null, signal: error.signal }
          : { exitCode: 2, signal: null };
    }
    const strays = process.forked;
    if (strays > 0) process.signal('SIGKILL');
    await Promise.all(process.children);
    const at = new Date().toISOString();
    const report: StopReport = { signals: ['SIGTERM'], survivors: 0, tookMs: 0 };
    const left = strays > 0 && !this.#isStopped ? { strays: report } : {};
    this.#settle(this.#isLost ? { how: 'lost', at } : { how: 'exited', ...exit, at, ...left });
  }

  #settle(end: AgentEnd): void {
    this.#end = end;
    this.#gone.resolve();
    for (const { sink, settle } of this.#followers) {
      sink.printed?.(this.#printed);
      settle(end);
    }
    this.#followers.clear();
  }

  get #printed(): number {
    const { stdout, stderr } = this.#outputs;
    return stdout.bytes.length - this.from.stdout + stderr.bytes.length - this.from.stderr;
  }

  /** Ends without a record. */
  vanish(): void {
    this.#isLost = true;
    this.#process.signal('SIGKILL');
  }

  /** Follows it for an owner, with its output from this attempt's first byte. */
  follow({ agentId }: LaunchKey, sink: OutputSink): RunningAgent {
    const { promise: ended, resolve: settle } = Promise.withResolvers<AgentEnd>();
    const soFar = this.#outputs.stdout.bytes.subarray(this.from.stdout);
    if (soFar.length > 0) sink.stdout(soFar);
    if (this.#end === null) this.#followers.add({ sink, settle });
    else {
      sink.printed?.(this.#printed);
      settle(this.#end);
    }
    const { pid } = this.#process;
    return {
      location: { kind: 'memory', label: `program ${pid} in memory`, data: { program: pid, agentId } },
      ended,
      takesInput: this.#input !== null,
      isCaughtUp: () => true,
      stop: (graceMs) => this.#stop(graceMs, sink),
      suspend: async () => {
        if (sink.isOwned()) this.#process.suspend();
      },
      resume: async () => {
        if (sink.isOwned()) this.#process.resume();
      },
      send: async (entry) => {
        if (!sink.isOwned()) throw refused('another MAOS owns the session now');
        if (this.#end !== null) throw refused('it has ended');
        this.#inputNow().append(entry);
      },
      closeInput: async () => {
        if (this.#end === null) this.#inputNow().close();
      },
      sample: async () => (this.#end === null ? this.#sample() : null),
      memory: async () => (this.#end === null ? 2 ** 20 : null),
    };
  }

  #inputNow(): MemoryInput {
    if (this.#input === null) throw refused('its program reads no further input');
    return this.#input;
  }

  #sample(): ResourceSample {
    const processes = 1 + this.#process.forked;
    return { cpuMs: 0, memoryBytes: processes * 2 ** 20, processes, outputBytes: this.#printed };
  }

  async #stop(graceMs: number, sink: OutputSink): Promise<StopReport> {
    const from = performance.now();
    if (this.#end !== null || !sink.isOwned()) return { signals: [], survivors: 0, tookMs: 0 };
    this.#isStopped = true;
    this.#process.signal('SIGTERM');
    this.#process.resume();
    const { promise: isLate, resolve } = Promise.withResolvers<'late'>();
    const timer = setTimeout(resolve, graceMs, 'late');
    const isObeyed = (await Promise.race([this.#gone.promise, isLate])) !== 'late';
    clearTimeout(timer);
    if (!isObeyed) this.#process.signal('SIGKILL');
    await this.#gone.promise;
    const signals = isObeyed ? ['SIGTERM'] : ['SIGTERM', 'SIGKILL'];
    return { signals, survivors: 0, tookMs: performance.now() - from };
  }
}
