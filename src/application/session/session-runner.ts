import { sessionEvent } from '../../domain/events.ts';
import { quotaPause, resumeSession } from '../../domain/quota.ts';
import { decideStops } from '../../domain/scheduling.ts';
import { isSessionEnded } from '../../domain/session.ts';
import { startSession } from '../../domain/session-life.ts';
import type { Workflow } from '../../domain/workflow.ts';
import { type Lease, LeaseLost, type SessionRequest } from '../ports/ownership.ts';
import type { Project } from '../project.ts';
import { ChangeRefused } from './refused-change.ts';
import { makeSessionParts, type SessionParts, type SessionProject } from './session-parts.ts';

/** The parts of the project that a runner needs. */
export type RunnerProject = SessionProject &
  Pick<Project, 'instance'> & { readonly store: Pick<Project['store'], 'requestsFor'> };

/** How a runner left its session: settled (ended or paused), or to another owner. */
export type RunnerOutcome = 'settled' | 'lease_lost';

/** How long an event without a change may wait to be stored together with one. */
const eventFlushDelayMs = 20;

/**
 * Runs one session that this process owns. A single loop makes and commits all decisions in sequence; outside events
 * (an agent ends, a request arrives, time passes) only leave a note and wake it. So the loop works the same for a new
 * session and for one adopted in the middle.
 */
export class SessionRunner {
  readonly #project: RunnerProject;
  readonly #parts: SessionParts;
  #isOver = false;
  #isFlushDue = false;

  constructor(project: RunnerProject, lease: Lease, workflow: Workflow) {
    this.#project = project;
    this.#parts = makeSessionParts(project, lease, workflow);
  }

  /** @param requests all current requests to the session: a missing pause was withdrawn */
  apply(requests: readonly SessionRequest[]): void {
    const { requests: pending, wakeSignal } = this.#parts;
    const wasPausing = pending.pause !== null;
    pending.apply(requests);
    if (requests.length > 0 || wasPausing) wakeSignal.notify();
  }

  /** Stops the agents so that they can be resumed, and leaves the session paused as interrupted. */
  interrupt(reason: string): void {
    this.#parts.requests.interrupt ??= reason;
    this.#parts.wakeSignal.notify();
  }

  /** Another process owns the session: this one changes nothing more. Its agents continue. */
  relinquish(): void {
    this.#parts.record.leave();
    this.#parts.wakeSignal.notify();
  }

  /**
   * Another process will own the session: this one decides nothing more. The files of a settled session are still
   * written here, because it gets no new owner.
   */
  detach(): void {
    const { record, wakeSignal } = this.#parts;
    const { state } = this.#workflow.session;
    const hasSettled = isSessionEnded(state) || (state === 'paused' && record.running.length === 0);
    if (hasSettled && !record.isChanged) {
      this.#isOver = true;
      wakeSignal.notify();
    } else this.relinquish();
  }

  /**
   * Runs the session until it ends, pauses without suspended agents, or gets another owner.
   * @throws the error that prevents it from continuing; another runner can then run the session again
   */
  async run(): Promise<RunnerOutcome> {
    const { record, wakeSignal, launcher, limitsWatch, collector, requestWatch, live } = this.#parts;
    const { keeper, prover, workspacesIdle } = this.#parts;
    try {
      await this.#prepare();
      requestWatch.start();
      live.start();
      // The caller who created the session gets its answer before anything is decided.
      await wakeSignal.wait();
      await this.#recordTakeOver();
      launcher.attachRunning();
      while (!record.left && !this.#isOver && !(await this.#step())) await wakeSignal.wait();
    } catch (error) {
      const isLost = error instanceof LeaseLost;
      if (!isLost) await this.#storeDecided();
      // Late callbacks, such as an agent that just started, must find the record closed.
      record.leave();
      if (!isLost) throw error;
      this.#warn('lease lost: the session has another owner');
    } finally {
      requestWatch.stop();
      live.stop();
      wakeSignal.clear();
      limitsWatch.stop();
      collector.stop();
      keeper.stop();
      prover.stop();
      launcher.abandon();
      await Promise.all([workspacesIdle(), record.close()]);
    }
    return record.left ? 'lease_lost' : 'settled';
  }

  async #prepare(): Promise<void> {
    const { time, progress, suspender, troubles, record, history } = this.#parts;
    await time.prepare();
    progress.recall();
    suspender.recall(history);
    troubles.recall(history.degraded);
    record.prepareFiles();
  }

  /** Explains to readers of the log why agents that one owner started end under another. */
  async #recordTakeOver(): Promise<void> {
    const { record, time } = this.#parts;
    const { owner, epoch, sessionId } = record.lease;
    if (epoch === 1 || isSessionEnded(this.#workflow.session.state)) return;
    const data = { owner, epoch, running: record.running.map(({ name }) => name) };
    const event = sessionEvent('session.taken_over', sessionId, time.now(), data);
    await record.commit({ next: this.#workflow, events: [event] });
  }

  /**
   * Stores ends of agents that were recorded before the round failed, so that the next runner need not find them again.
   */
  async #storeDecided(): Promise<void> {
    try {
      await this.#parts.record.flush();
    } catch (error) {
      this.#warn('the last decisions are not stored', error);
    }
  }

  /** Runs one round of the loop and stores its changes. @returns whether the session is settled */
  async #step(): Promise<boolean> {
    try {
      const isDone = await this.#decideRound();
      await this.#storeRound(isDone);
      return isDone;
    } catch (error) {
      if (!(error instanceof ChangeRefused)) throw error;
      for (const [id, message] of error.unrecorded) {
        const cause = { kind: 'limit', failure: 'report_refused', explain: () => message } as const;
        this.#parts.launcher.runs.get(id)?.stop(cause);
      }
      await this.#readRequests();
      return false;
    }
  }

  /** The next round must know of a retry that was requested before the end that the store refused. */
  async #readRequests(): Promise<void> {
    const { record, wakeSignal } = this.#parts;
    const { store, instance } = this.#project;
    const { id } = this.#workflow.session;
    const requests = await record.whenStoreIsFree(() => store.requestsFor(instance));
    this.apply(requests.filter(({ sessionId }) => sessionId === id));
    wakeSignal.notify();
  }

  async #storeRound(isDone: boolean): Promise<void> {
    const { record, wakeSignal } = this.#parts;
    if (record.left) return;
    if (isDone || this.#isFlushDue || record.isChanged) {
      this.#isFlushDue = false;
      await record.flush();
    } else if (record.hasUnstored && !wakeSignal.isSet('flush')) {
      wakeSignal.schedule('flush', eventFlushDelayMs, () => {
        this.#isFlushDue = true;
      });
    }
  }

  async #decideRound(): Promise<boolean> {
    const { record, time, launcher, ends, troubles, requests } = this.#parts;
    const { canceller, pauser, agentRequests, requestWatch, live, decisions } = this.#parts;
    time.noteDrift();
    requestWatch.look();
    record.decide({ next: this.#workflow, events: launcher.takeUnreachable() });
    ends.recordSpawned();
    await live.processReports(requestWatch.hasOpen);
    await decisions.storeAll(record);
    await ends.settleEnded();
    if (record.left) return false;
    if (isSessionEnded(this.#workflow.session.state)) return true;
    record.decide({ next: this.#workflow, events: troubles.take() });
    if (requests.cancel !== null) return canceller.cancelAll(requests.cancel);
    if (requests.interrupt !== null) return pauser.interruptAll(requests.interrupt);
    await agentRequests.handle(requests.takeAgents());
    if (this.#workflow.session.state === 'created') await time.commit(startSession);
    if (this.#workflow.session.state === 'paused') {
      if (!requests.resume) return canceller.finish() || pauser.mayLeavePaused;
      await time.commit(resumeSession);
    }
    requests.resume = false;
    return this.#continue();
  }

  /** One round of a running session. */
  async #continue(): Promise<boolean> {
    const { time, stopper, progress, requests, suspender, scheduler, limitsWatch } = this.#parts;
    const { canceller, pauser, live } = this.#parts;
    const { session, agents } = this.#workflow;
    const reason = 'Another agent failed and the failure policy is fail_fast.';
    await stopper.stop(decideStops(session, agents), { kind: 'cancelled', reason });
    progress.note();
    await progress.enforceBudgets();
    if (requests.pause !== null) return pauser.pauseAll(requests.pause);
    await suspender.resume();
    await live.deliver();
    const isRefused = quotaPause(this.#workflow.agents, this.#project.settings.quota, time.now()) !== null;
    if (!isRefused) await scheduler.startReady();
    limitsWatch.watch();
    if (canceller.finish()) return true;
    return isRefused && pauser.pauseForQuota();
  }

  get #workflow(): Workflow {
    return this.#parts.record.workflow;
  }

  #warn(message: string, error?: unknown): void {
    const fields = { session: this.#workflow.session.id, ...(error === undefined ? {} : { error }) };
    this.#project.log.log('warn', message, fields);
  }
}
