import type { Change, Workflow } from '../../domain/workflow.ts';
import type { SessionRecord } from './session-record.ts';
import type { WakeSignal } from './wake-signal.ts';

/** Returns null if the decision is no longer wanted. */
export type Decide = (workflow: Workflow) => Change | null;

interface Asked {
  readonly decide: Decide;
  readonly answer: PromiseWithResolvers<void>;
}

/**
 * Lets work beside the loop have something stored before it acts on it: only the loop decides, and it does so in its
 * next round.
 */
export class DecisionQueue {
  readonly #wakeSignal: WakeSignal;
  readonly #asked: Asked[] = [];

  constructor(wakeSignal: WakeSignal) {
    this.#wakeSignal = wakeSignal;
  }

  /**
   * Settles when the decision is stored; never if it was no longer wanted, or the session gets another owner.
   * @throws the error of the decision
   */
  stored(decide: Decide): Promise<void> {
    const answer = Promise.withResolvers<void>();
    this.#asked.push({ decide, answer });
    this.#wakeSignal.notify();
    return answer.promise;
  }

  /** Call in every round. @throws as {@link SessionRecord.commit} */
  async storeAll(record: SessionRecord): Promise<void> {
    for (const { decide, answer } of this.#asked.splice(0)) {
      let change: Change | null;
      try {
        change = decide(record.workflow);
      } catch (error) {
        answer.reject(error);
        continue;
      }
      if (change === null) continue;
      await record.commit(change);
      answer.resolve();
    }
  }
}
