import type { OrderedLaunch, OutputSink, PlacedLaunch, RunningAgent } from '../ports/agent-host.ts';

export type PreparedLaunch = PlacedLaunch | OrderedLaunch;

/** The steps of one launch, and its callbacks. Exactly one of the last five is called, once. */
export interface LaunchSteps {
  /**
   * Everything before the process exists: folders, prompt, command line. Null: there is nothing to run.
   * @param signal aborts when the launch is withdrawn or abandoned
   */
  prepare(signal: AbortSignal): Promise<PreparedLaunch | null>;
  start(spec: PreparedLaunch, sink: OutputSink): Promise<RunningAgent>;
  /** Receives the agent's output until the launch is withdrawn. */
  readonly sink: OutputSink;
  started(running: RunningAgent): void;
  /** Prepared, without anything to run. */
  unneeded(): void;
  failed(error: unknown): void;
  /** Withdrawn before the host was asked to start it: there is no process, and there will be none. */
  neverStarted(): void;
  /** Withdrawn while the host was starting it: only attaching reveals whether there is a process. */
  undecided(): void;
}

/**
 * One launch of one agent, run beside the loop that decides. Its steps may take any time, and not all can be
 * interrupted: a withdrawn launch calls back immediately, and the result of its steps is ignored.
 */
export class AgentLaunch {
  readonly #steps: LaunchSteps;
  #state: 'preparing' | 'starting' | 'over' | 'withdrawn' = 'preparing';
  readonly #withdrawal = new AbortController();

  constructor(steps: LaunchSteps) {
    this.#steps = steps;
  }

  /** Never rejects. */
  async run(): Promise<void> {
    try {
      const spec = await this.#steps.prepare(this.#withdrawal.signal);
      if (this.#isWithdrawn) return;
      this.#state = spec === null ? 'over' : 'starting';
      if (spec === null) return this.#steps.unneeded();
      const running = await this.#steps.start(spec, this.#sink());
      if (this.#isWithdrawn) return;
      this.#state = 'over';
      this.#steps.started(running);
    } catch (error) {
      if (this.#isWithdrawn) return;
      this.#state = 'over';
      this.#steps.failed(error);
    }
  }

  /** Safe to repeat; no effect once the launch is over. */
  withdraw(): void {
    const state = this.#state;
    this.abandon();
    if (state === 'preparing') this.#steps.neverStarted();
    if (state === 'starting') this.#steps.undecided();
  }

  /** Withdraws the launch without a callback: the agent is not started unless the host is already starting it. */
  abandon(): void {
    if (this.#state === 'over') return;
    this.#state = 'withdrawn';
    this.#withdrawal.abort();
  }

  get #isWithdrawn(): boolean {
    return this.#state === 'withdrawn';
  }

  /** Forwards nothing after a withdrawal, because another run may follow the same process by then. */
  #sink(): OutputSink {
    const { sink } = this.#steps;
    return {
      stdout: (chunk) => {
        if (!this.#isWithdrawn) sink.stdout(chunk);
      },
      printed: (bytes) => {
        if (!this.#isWithdrawn) sink.printed?.(bytes);
      },
      news: (news) => {
        if (!this.#isWithdrawn) sink.news?.(news);
      },
      limited: (limit) => {
        if (!this.#isWithdrawn) sink.limited?.(limit);
      },
      isOwned: () => !this.#isWithdrawn && sink.isOwned(),
    };
  }
}
