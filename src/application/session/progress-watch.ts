import type { AgentId } from '../../domain/ids.ts';
import { agentOf } from '../../domain/workflow.ts';
import type { AgentRun } from './agent-run.ts';
import type { AgentStopper } from './agent-stopper.ts';
import { BudgetWatch } from './budget-watch.ts';
import type { SessionCanceller } from './session-canceller.ts';
import type { SessionHistory } from './session-history.ts';
import type { SessionRecord } from './session-record.ts';
import type { SessionTime } from './session-time.ts';
import type { WakeSignal } from './wake-signal.ts';

const progressMs = 2_000;

export interface ProgressWatchDeps {
  readonly record: SessionRecord;
  readonly time: SessionTime;
  readonly history: SessionHistory;
  readonly runs: ReadonlyMap<AgentId, AgentRun>;
  readonly stopper: AgentStopper;
  readonly canceller: SessionCanceller;
  readonly wakeSignal: WakeSignal;
}

/** Records the progress of running agents every two seconds, and enforces budgets. */
export class ProgressWatch {
  readonly #deps: ProgressWatchDeps;
  #budgets: BudgetWatch;
  #isDue = false;

  constructor(deps: ProgressWatchDeps) {
    this.#deps = deps;
    this.#budgets = new BudgetWatch(deps.history);
  }

  /** Call when the history is read, so that warnings of an earlier owner are not repeated. */
  recall(): void {
    this.#budgets = new BudgetWatch(this.#deps.history);
  }

  note(): void {
    const { record, time, runs, wakeSignal } = this.#deps;
    if (runs.size > 0 && !wakeSignal.isSet('progress')) {
      wakeSignal.schedule('progress', progressMs, () => {
        this.#isDue = true;
      });
    }
    if (!this.#isDue) return;
    this.#isDue = false;
    const notes = [...runs.values()].flatMap((run) => run.takeNote() ?? []);
    record.note(notes, time.now());
  }

  async enforceBudgets(): Promise<void> {
    const { record, time, runs, stopper, canceller } = this.#deps;
    const check = this.#budgets.check(record.workflow, runs, time.now());
    if (check.events.length > 0) await record.commit({ next: record.workflow, events: check.events });
    for (const { id, cause } of check.stops) await stopper.stop([agentOf(record.workflow, id)], cause);
    const { sessionSpent } = check;
    if (sessionSpent === null) return;
    await canceller.cancelWaiting(sessionSpent);
    const explain = (): string => `${sessionSpent} It was stopped.`;
    await stopper.stop(record.running, { kind: 'limit', failure: 'budget_exceeded', explain });
  }
}
