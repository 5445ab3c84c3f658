import { type Agent, isStartable } from '../../domain/agent.ts';
import { sessionEvent } from '../../domain/events.ts';
import { type QuotaPolicy, quotaPause } from '../../domain/quota.ts';
import { pauseSession, startSession } from '../../domain/session-life.ts';
import type { SessionFiles } from '../ports/session-files.ts';
import type { AgentLauncher } from './agent-launcher.ts';
import type { AgentStopper } from './agent-stopper.ts';
import type { PendingRequests } from './pending-requests.ts';
import type { SessionCanceller } from './session-canceller.ts';
import type { SessionRecord } from './session-record.ts';
import type { SessionSuspender } from './session-suspender.ts';
import type { SessionTime } from './session-time.ts';
import type { WakeSignal } from './wake-signal.ts';

export interface SessionPauserDeps {
  readonly files: Pick<SessionFiles, 'environment'>;
  readonly quota: QuotaPolicy;
  readonly record: SessionRecord;
  readonly time: SessionTime;
  readonly requests: PendingRequests;
  readonly launcher: AgentLauncher;
  readonly suspender: SessionSuspender;
  readonly stopper: AgentStopper;
  readonly canceller: SessionCanceller;
  readonly wakeSignal: WakeSignal;
}

/** Pauses a running session so that it can be resumed. Each method returns whether the runner may leave it. */
export class SessionPauser {
  readonly #deps: SessionPauserDeps;

  constructor(deps: SessionPauserDeps) {
    this.#deps = deps;
  }

  async interruptAll(reason: string): Promise<boolean> {
    const { record, time, stopper, canceller } = this.#deps;
    await stopper.stop(record.running, { kind: 'interrupted', reason });
    if (record.running.length > 0) return false;
    if (record.workflow.session.state === 'created') await time.commit(startSession);
    if (!canceller.finish() && record.workflow.session.state === 'running') {
      await record.commit(pauseSession(record.workflow, { reason: 'interrupted' }, time.now()));
    }
    return true;
  }

  /** Interrupts agents that can resume their conversation, and suspends all others. */
  async pauseAll(reason: string): Promise<boolean> {
    const { record, time, launcher, suspender, stopper, canceller } = this.#deps;
    if (canceller.finish()) return true;
    const toSuspend: Agent[] = [];
    for (const agent of record.running) {
      const run = launcher.runs.get(agent.id);
      if (run === undefined || run.isStopping || agent.stage === 'collecting') continue;
      if (run.canResume) await stopper.stop([agent], { kind: 'interrupted', reason });
      // An agent without a process is withdrawn, and started when the session is resumed.
      else if (!launcher.withdraw(agent.id)) toSuspend.push(agent);
    }
    stopper.hurryCollecting(record.running);
    await suspender.suspend(toSuspend);
    const { trouble } = suspender;
    if (trouble !== null) return this.#refusePause(trouble);
    if (!suspender.isComplete) return false;
    await time.commit((workflow, at) => pauseSession(workflow, { reason: 'user' }, at));
    return this.mayLeavePaused;
  }

  /** Lets running agents finish first. */
  async pauseForQuota(): Promise<boolean> {
    const { record, time, quota, wakeSignal } = this.#deps;
    if (record.running.length > 0) return false;
    const pause = quotaPause(record.workflow.agents, quota, time.now());
    if (pause === null) {
      wakeSignal.notify();
      return false;
    }
    await record.commit(pauseSession(record.workflow, { reason: 'quota', ...pause }, time.now()));
    return true;
  }

  /**
   * Suspended agents are watched, unless secrets are missing here: the process that resumes the session may have them,
   * and can only continue it if it has no owner.
   */
  get mayLeavePaused(): boolean {
    const { record, files } = this.#deps;
    if (record.running.length === 0) return true;
    const { session, agents } = record.workflow;
    const isToStart = agents.some(({ state }) => isStartable(state));
    return isToStart && files.environment(session.id).missing.length > 0;
  }

  /** A session is paused completely or not at all: agents that are already suspended continue. */
  async #refusePause(reason: string): Promise<boolean> {
    const { record, time, requests, wakeSignal } = this.#deps;
    const data = { action: 'pause', agent: null, reason } as const;
    const event = sessionEvent('session.request_refused', record.workflow.session.id, time.now(), data);
    await record.commit({ next: record.workflow, events: [event] });
    requests.pause = null;
    wakeSignal.notify();
    return false;
  }
}
