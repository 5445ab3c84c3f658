import { isStartable } from '../../domain/agent.ts';
import { cancelSession, cancelWaiting } from '../../domain/cancel.ts';
import { finishSession } from '../../domain/session-life.ts';
import type { AgentStopper } from './agent-stopper.ts';
import type { SessionRecord } from './session-record.ts';
import type { SessionTime } from './session-time.ts';

/** Ends a session, when every agent has ended or on request. */
export class SessionCanceller {
  readonly #record: SessionRecord;
  readonly #time: SessionTime;
  readonly #stopper: AgentStopper;

  constructor(record: SessionRecord, time: SessionTime, stopper: AgentStopper) {
    this.#record = record;
    this.#time = time;
    this.#stopper = stopper;
  }

  /** @returns whether every agent has ended, and the session with them */
  finish(): boolean {
    this.#time.noteDrift();
    const finished = finishSession(this.#record.workflow, this.#time.now());
    if (finished !== null) this.#record.decide(finished);
    return finished !== null;
  }

  async cancelWaiting(reason: string): Promise<void> {
    const { workflow } = this.#record;
    if (!workflow.agents.some((agent) => isStartable(agent.state))) return;
    await this.#record.commit(cancelWaiting(workflow, reason, this.#time.now()));
  }

  /** @returns whether the session has ended; otherwise agents are still stopping */
  async cancelAll(reason: string): Promise<boolean> {
    await this.cancelWaiting(reason);
    await this.#stopper.stop(this.#record.running, { kind: 'cancelled', reason });
    if (this.#record.running.length > 0) return false;
    await this.#record.commit(cancelSession(this.#record.workflow, reason, this.#time.now()));
    return true;
  }
}
