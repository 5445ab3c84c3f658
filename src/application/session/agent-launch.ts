import type { OutputSink, PlacedLaunch, RunningAgent } from '../ports/agent-host.ts';

/** The work of one launch, and its callbacks. Exactly one of the last four is called, once. */
export interface LaunchSteps {
  /** Everything before the process: folders, prompt, command line. */
  prepare(): Promise<PlacedLaunch>;
  start(spec: PlacedLaunch, sink: OutputSink): Promise<RunningAgent>;
  /** Receives the agent's output while the launch is not withdrawn. */
  readonly sink: OutputSink;
  started(running: RunningAgent): void;
  failed(error: unknown): void;
  /** Withdrawn before the host was asked to start it: there is no process, and there will be none. */
  neverStarted(): void;
  /** Withdrawn while the host was starting it: only attaching to it tells whether there is a process. */
  undecided(): void;
}

/**
 * One launch of one agent, beside the loop that decides. Its work may take any time, and none of it can be interrupted: a
 * launch that is withdrawn is answered for at once, and what its work comes to afterwards is ignored.
 */
export class AgentLaunch {
  readonly #steps: LaunchSteps;
  #state: 'preparing' | 'starting' | 'over' | 'withdrawn' = 'preparing';

  constructor(steps: LaunchSteps) {
    this.#steps = steps;
  }

  /** Never rejects. */
  async run(): Promise<void> {
    try {
      const spec = await this.#steps.prepare();
      if (this.#isWithdrawn) return;
      this.#state = 'starting';
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

  /** Safe to repeat; without effect once it is over. */
  withdraw(): void {
    const state = this.#state;
    this.abandon();
    if (state === 'preparing') this.#steps.neverStarted();
    if (state === 'starting') this.#steps.undecided();
  }

  /** Withdraws the launch without any callback: the agent is not started unless the host is starting it already. */
  abandon(): void {
    if (this.#state !== 'over') this.#state = 'withdrawn';
  }

  get #isWithdrawn(): boolean {
    return this.#state === 'withdrawn';
  }

  /** Another one may follow the same process by the time its host begins to. */
  #sink(): OutputSink {
    const { sink } = this.#steps;
    return {
      stdout: (chunk) => {
        if (!this.#isWithdrawn) sink.stdout(chunk);
      },
      printed: (bytes) => {
        if (!this.#isWithdrawn) sink.printed?.(bytes);
      },
      isOwned: () => !this.#isWithdrawn && sink.isOwned(),
    };
  }
}
