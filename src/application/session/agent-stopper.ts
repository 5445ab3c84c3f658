import type { Agent } from '../../domain/agent.ts';
import type { AgentRuns } from './agent-runs.ts';
import type { EndCollector } from './end-collector.ts';
import type { SessionRecord } from './session-record.ts';
import type { StopCause } from './stop-cause.ts';
import type { WorkKeeper } from './work-keeper.ts';

/** Stops agents of one session. Their ends are handled by the loop like any others. */
export class AgentStopper {
  readonly #record: SessionRecord;
  readonly #runs: AgentRuns;
  readonly #keeper: WorkKeeper;
  readonly #collector: EndCollector;

  constructor(record: SessionRecord, runs: AgentRuns, keeper: WorkKeeper, collector: EndCollector) {
    this.#keeper = keeper;
    this.#record = record;
    this.#runs = runs;
    this.#collector = collector;
  }

  async stop(agents: readonly Agent[], cause: StopCause): Promise<void> {
    if (agents.length === 0) return;
    // Store the reason before the agents stop.
    await this.#record.flush();
    for (const { id } of agents) this.#runs.stop(id, cause);
    this.hurryCollecting(agents);
  }

  /** A stop does not change the end of an agent in stage `collecting`; it only shortens the scan of its files. */
  hurryCollecting(agents: readonly Agent[]): void {
    if (!agents.some(({ stage }) => stage === 'collecting')) return;
    this.#keeper.hurry();
    this.#collector.hurry();
  }
}
