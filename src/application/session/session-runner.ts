import { type Agent, isStartable } from '../../domain/agent.ts';
import { isMaosError } from '../../domain/errors.ts';
import { agentEvent, type DomainEvent, sessionEvent } from '../../domain/events.ts';
import type { AgentId } from '../../domain/ids.ts';
import { quotaPause, resumeSession } from '../../domain/quota.ts';
import { retryWorkflow } from '../../domain/retry.ts';
import { decideStops } from '../../domain/scheduling.ts';
import { isSessionEnded, type SessionAction } from '../../domain/session.ts';
import {
  type AgentReport,
  agentOf,
  type Change,
  cancelAgent,
  cancelSession,
  cancelWaiting,
  changeStage,
  finishSession,
  pauseSession,
  recordClockChange,
  recordSpawn,
  startSession,
  type Workflow,
} from '../../domain/workflow.ts';
import { type Lease, LeaseLost, type SessionRequest } from '../ports/ownership.ts';
import type { Project } from '../project.ts';
import { AgentLauncher, spawnFailed } from './agent-launcher.ts';
import type { RunEnd, StopCause } from './agent-run.ts';
import { AgentScheduler } from './agent-scheduler.ts';
import { ArtifactRecorder } from './artifact-recorder.ts';
import { BudgetWatch } from './budget-watch.ts';
import { ClockDrift } from './clock-drift.ts';
import { EndCollector } from './end-collector.ts';
import { LimitsWatch } from './limits-watch.ts';
import { PendingRequests } from './pending-requests.ts';
import { applyQuotaBackoff } from './quota-backoff.ts';
import { ChangeRefused } from './refused-change.ts';
import { SessionHistory } from './session-history.ts';
import { SessionRecord } from './session-record.ts';
import { SessionSuspender } from './session-suspender.ts';
import { SessionTroubles } from './session-troubles.ts';
import { SlotManager } from './slot-manager.ts';
import { WakeSignal } from './wake-signal.ts';

/** How a runner left its session: ended or paused for good, or in the hands of another owner. */
export type RunnerOutcome = 'settled' | 'lease_lost';

const progressMs = 2_000;
/** Most that events which change nothing wait for a change to be stored with. */
const eventFlushDelayMs = 20;

/**
 * Runs one session that this process owns. All decisions and commits happen in one loop, one after the other; what
 * happens outside (an agent ends, somebody asks, time passes) only leaves a note and wakes the loop. So the loop works
 * the same for a session just created and for one taken over in the middle.
 */
export class SessionRunner {
  readonly #project: Project;
  readonly #record: SessionRecord;
  readonly #wakeSignal: WakeSignal;
  readonly #troubles: SessionTroubles;
  readonly #history = new SessionHistory();
  readonly #launcher: AgentLauncher;
  readonly #scheduler: AgentScheduler;
  readonly #limits: LimitsWatch;
  readonly #suspender: SessionSuspender;
  readonly #collector: EndCollector;
  readonly #requests = new PendingRequests();
  #clockDrift: ClockDrift;
  #budgets = new BudgetWatch(this.#history);
  #progressDue = false;
  #isOver = false;
  #newsDue = false;

  constructor(project: Project, lease: Lease, workflow: Workflow) {
    this.#project = project;
    const wakeSignal = new WakeSignal(project.clock);
    const troubles = new SessionTroubles(lease.sessionId, project.clock, () => wakeSignal.notify());
    const record = new SessionRecord(project, lease, workflow, troubles);
    const slots = new SlotManager(project, wakeSignal, troubles);
    const artifacts = new ArtifactRecorder(project.host, project.store.artifacts(lease.sessionId));
    this.#record = record;
    this.#wakeSignal = wakeSignal;
    this.#troubles = troubles;
    this.#collector = new EndCollector(project, artifacts, wakeSignal);
    this.#launcher = new AgentLauncher({
      project,
      record,
      slots,
      artifacts,
      history: this.#history,
      wakeSignal,
    });
    this.#scheduler = new AgentScheduler({ project, record, slots, wakeSignal, launcher: this.#launcher });
    const { clock, log } = project;
    this.#clockDrift = new ClockDrift(clock, workflow.session.inactiveMs);
    const { limits } = project.settings;
    this.#limits = new LimitsWatch({ limits, clock, log }, this.#launcher.runs);
    this.#suspender = new SessionSuspender(record, this.#launcher.runs, project);
  }

  /** What is asked of the session now, all of it: a pause that is not asked for any more is taken back. */
  apply(requests: readonly SessionRequest[]): void {
    const wasPausing = this.#requests.pause !== null;
    this.#requests.apply(requests);
    if (requests.length > 0 || wasPausing) this.#wakeSignal.notify();
  }

  /** Stops the agents so that they can be resumed, and leaves the session paused as interrupted. */
  interrupt(reason: string): void {
    this.#requests.interrupt ??= reason;
    this.#wakeSignal.notify();
  }

  /** Another process owns the session now: touch nothing more. Its agents go on. */
  relinquish(): void {
    this.#record.leave();
    this.#wakeSignal.notify();
  }

  /**
   * Another process is to own the session: decide nothing more. Of one that has settled, the files are still brought
   * after the store: nobody comes to look after it any more.
   */
  detach(): void {
    const { state } = this.#workflow.session;
    const hasSettled = isSessionEnded(state) || (state === 'paused' && this.#running.length === 0);
    if (hasSettled && !this.#record.isChanged) {
      this.#isOver = true;
      this.#wakeSignal.notify();
    } else this.relinquish();
  }

  /**
   * Runs the session until it ends, pauses with no agent left standing still, or gets another owner.
   * @throws whatever makes it impossible to go on; the session can be run again by another runner then
   */
  async run(): Promise<RunnerOutcome> {
    try {
      await this.#prepare();
      // Whoever asked for the session has its answer before anything is decided.
      await this.#wakeSignal.wait();
      await this.#sayTakenOver();
      this.#launcher.attachRunning();
      while (!this.#record.left && !this.#isOver && !(await this.#step())) await this.#wakeSignal.wait();
    } catch (error) {
      // What comes late, such as an agent that just started, must find that nobody listens here any more.
      const isLost = error instanceof LeaseLost;
      if (!isLost) await this.#keepDecided();
      this.#record.leave();
      if (!isLost) throw error;
      this.#log('warn', 'lease lost: the session has another owner');
    } finally {
      this.#wakeSignal.clear();
      this.#limits.off();
      this.#collector.stop();
      this.#launcher.abandon();
      await this.#record.close();
    }
    return this.#record.left ? 'lease_lost' : 'settled';
  }

  /** Ends of agents that were told before the round failed, so that whoever goes on need not find them out again. */
  async #keepDecided(): Promise<void> {
    try {
      await this.#record.flush();
    } catch (error) {
      this.#log('warn', 'the last decisions are not stored', error);
    }
  }

  /** So that whoever reads the log knows why agents that one MAOS started end under another. */
  async #sayTakenOver(): Promise<void> {
    const { owner, epoch, sessionId } = this.#record.lease;
    if (epoch === 1 || isSessionEnded(this.#workflow.session.state)) return;
    const data = { owner, epoch, running: this.#running.map(({ name }) => name) };
    const event = sessionEvent('session.taken_over', sessionId, this.#now(), data);
    await this.#record.commit({ next: this.#workflow, events: [event] });
  }

  get #workflow(): Workflow {
    return this.#record.workflow;
  }

  get #running(): readonly Agent[] {
    return this.#workflow.agents.filter((agent) => agent.state === 'running');
  }

  async #prepare(): Promise<void> {
    await this.#prepareClock();
    await this.#readHistory();
    this.#budgets = new BudgetWatch(this.#history);
    this.#suspender.recall(this.#history);
    this.#troubles.recall(this.#history.degraded);
    this.#record.prepareFiles();
  }

  /** What the clock did while nobody watched it is recorded before anything is counted from it. */
  async #prepareClock(): Promise<void> {
    const { id, inactiveMs } = this.#workflow.session;
    await this.#record.whenStoreIsFree(() => this.#history.read(this.#project.store, id));
    this.#clockDrift = new ClockDrift(this.#project.clock, inactiveMs, this.#history.lastAt);
    this.#noteClock();
    await this.#record.flush();
  }

  async #readHistory(): Promise<void> {
    const { store } = this.#project;
    const { id, budget } = this.#workflow.session;
    await this.#record.whenStoreIsFree(() => this.#history.read(store, id));
    this.#history.watch(this.#project.clock, budget.maxWallMs);
  }

  /** One round of the loop, what it changed stored. True when nothing is left to do. */
  async #step(): Promise<boolean> {
    try {
      return await this.#round();
    } catch (error) {
      if (!(error instanceof ChangeRefused)) throw error;
      for (const [id, message] of error.unrecorded) {
        const cause = { kind: 'limit', failure: 'report_refused', explain: () => message } as const;
        this.#launcher.runs.get(id)?.stop(cause);
      }
      await this.#readRequests();
      return false;
    }
  }

  /** The next round must know of a retry that was asked for before the end it could not store. */
  async #readRequests(): Promise<void> {
    const { store, instance } = this.#project;
    const { id } = this.#workflow.session;
    const requests = await this.#record.whenStoreIsFree(() => store.requestsFor(instance));
    this.apply(requests.filter(({ sessionId }) => sessionId === id));
    this.#wakeSignal.notify();
  }

  async #round(): Promise<boolean> {
    const isDone = await this.#decideRound();
    if (this.#record.left) return isDone;
    if (isDone || this.#newsDue || this.#record.isChanged) {
      this.#newsDue = false;
      await this.#record.flush();
    } else if (this.#record.hasUnstored && !this.#wakeSignal.isSet('news')) {
      this.#wakeSignal.schedule('news', eventFlushDelayMs, () => {
        this.#newsDue = true;
      });
    }
    return isDone;
  }

  async #decideRound(): Promise<boolean> {
    this.#noteClock();
    this.#record.decide({ next: this.#workflow, events: this.#launcher.takeUnreachable() });
    for (const { agent, running } of this.#launcher.takeSpawned()) {
      const at = this.#now();
      this.#record.enterStage((workflow) => recordSpawn(workflow, agent.id, running.location, at));
    }
    this.#settleEnded();
    if (this.#record.left) return false;
    if (isSessionEnded(this.#workflow.session.state)) return true;
    this.#record.decide({ next: this.#workflow, events: this.#troubles.take() });
    if (this.#requests.cancel !== null) return this.#cancelAll(this.#requests.cancel);
    if (this.#requests.interrupt !== null) return this.#interruptAll(this.#requests.interrupt);
    await this.#handleAgentRequests();
    if (this.#workflow.session.state === 'created') await this.#letRun(startSession);
    if (this.#workflow.session.state === 'paused') {
      if (!this.#requests.resume) return this.#finish() || this.#mayLeavePaused;
      await this.#letRun(resumeSession);
    }
    this.#requests.resume = false;
    return this.#runOn();
  }

  async #runOn(): Promise<boolean> {
    const { session, agents } = this.#workflow;
    const failedFast = 'Another agent failed and the failure policy is fail_fast.';
    await this.#stop(decideStops(session, agents), { kind: 'cancelled', reason: failedFast });
    this.#noteProgress();
    await this.#checkBudgets();
    if (this.#requests.pause !== null) return this.#pauseAll(this.#requests.pause);
    await this.#suspender.resume();
    const isRefused = quotaPause(this.#workflow.agents, this.#project.settings.quota, this.#now()) !== null;
    if (!isRefused) await this.#scheduler.startReady();
    this.#limits.watch();
    if (this.#finish()) return true;
    return isRefused && this.#pauseForQuota();
  }

  // -------------------------------------------------------------- ending

  /** Takes up ends whose files have been looked at, and has the others' looked at. */
  #settleEnded(): void {
    for (const { agent, error } of this.#launcher.takeFailed()) {
      this.#settle(agent.id, spawnFailed(error), this.#now());
    }
    const left = this.#launcher.takeEnds().filter((end) => !this.#settleNeverStarted(end));
    for (const { run } of left) this.#enterCollecting(run.agent.id);
    this.#collector.add(left);
    this.#settleCollected();
    this.#collector.begin(this.#workflow);
  }

  /** What never ran left nothing to collect. */
  #settleNeverStarted({ run, end, stop }: RunEnd): boolean {
    const { id } = run.agent;
    if (end.how !== 'never_started' || agentOf(this.#workflow, id).stage !== 'preparing') return false;
    this.#settle(id, run.report(end, stop, ''), this.#now());
    return true;
  }

  /** An owner before this one may have got as far. That it was spawned may be what the store refused. */
  #enterCollecting(id: AgentId): void {
    const { stage } = agentOf(this.#workflow, id);
    if (stage === 'collecting' || stage === 'preparing') return;
    const at = this.#now();
    this.#record.enterStage((workflow) => changeStage(workflow, id, 'collecting', at));
  }

  #settleCollected(): void {
    const collected = this.#collector.take();
    if (collected === null) return;
    const { ends, tails, found, at } = collected;
    this.#record.decide({ next: this.#workflow, events: found.events }, found.records);
    for (const [index, { run, end, stop }] of ends.entries()) {
      const { id, name } = run.agent;
      const { quota } = this.#project.settings;
      const told = run.report(end, stop, tails[index] ?? '');
      const report = applyQuotaBackoff(told, agentOf(this.#workflow, id), run.retryAt, quota, at);
      const ended = stop ?? (end.how === 'exited' ? (end.strays ?? null) : null);
      const stopped: DomainEvent[] =
        ended === null ? [] : [agentEvent('agent.stopped', run.agent, at, { name, ...ended })];
      this.#settle(id, report, at, stopped);
    }
  }

  #settle(id: AgentId, report: AgentReport, at: string, before: readonly DomainEvent[] = []): void {
    this.#record.settle(id, report, at, before);
    this.#launcher.forget(id);
    this.#scheduler.forget(id);
    this.#suspender.forget(id);
  }

  async #stop(agents: readonly Agent[], cause: StopCause): Promise<void> {
    if (agents.length === 0) return;
    // Why they are stopped is on record before they are.
    await this.#record.flush();
    for (const { id } of agents) this.#launcher.runs.get(id)?.stop(cause);
    this.#hurryCollecting(agents);
  }

  /** The end of an agent whose files are looked at stands, whatever is asked meanwhile; only the look is cut short. */
  #hurryCollecting(agents: readonly Agent[]): void {
    if (agents.some(({ stage }) => stage === 'collecting')) this.#collector.hurry();
  }

  /** Before anything is decided by the time of day. */
  #noteClock(): void {
    const byMs = this.#clockDrift.unrecordedMs(this.#workflow.session.inactiveMs);
    if (byMs !== 0) this.#record.decide(recordClockChange(this.#workflow, byMs, this.#now()));
  }

  /** Ends the session if every agent has ended. */
  #finish(): boolean {
    this.#noteClock();
    const finished = finishSession(this.#workflow, this.#now());
    if (finished !== null) this.#record.decide(finished);
    return finished !== null;
  }

  async #cancelWaiting(reason: string): Promise<void> {
    if (!this.#workflow.agents.some((agent) => isStartable(agent.state))) return;
    await this.#record.commit(cancelWaiting(this.#workflow, reason, this.#now()));
  }

  async #cancelAll(reason: string): Promise<boolean> {
    await this.#cancelWaiting(reason);
    await this.#stop(this.#running, { kind: 'cancelled', reason });
    if (this.#running.length > 0) return false;
    await this.#record.commit(cancelSession(this.#workflow, reason, this.#now()));
    return true;
  }

  // -------------------------------------------------------------- pausing

  async #interruptAll(reason: string): Promise<boolean> {
    await this.#stop(this.#running, { kind: 'interrupted', reason });
    if (this.#running.length > 0) return false;
    if (this.#workflow.session.state === 'created') await this.#letRun(startSession);
    if (!this.#finish() && this.#workflow.session.state === 'running') {
      await this.#record.commit(pauseSession(this.#workflow, { reason: 'interrupted' }, this.#now()));
    }
    return true;
  }

  /** Interrupts what can be resumed with its conversation, and lets everything else stand still as it is. */
  async #pauseAll(reason: string): Promise<boolean> {
    if (this.#finish()) return true;
    const { runs } = this.#launcher;
    const holding: Agent[] = [];
    for (const agent of this.#running) {
      const run = runs.get(agent.id);
      if (run === undefined || run.isStopping) continue;
      if (agent.stage === 'collecting') continue;
      if (run.canResume) await this.#stop([agent], { kind: 'interrupted', reason });
      // What has no process yet has nothing to stand still: it is started when the session is resumed.
      else if (!this.#launcher.withdraw(agent.id)) holding.push(agent);
    }
    this.#hurryCollecting(this.#running);
    await this.#suspender.suspend(holding);
    const { trouble } = this.#suspender;
    if (trouble !== null) return this.#refusePause(trouble);
    if (!this.#suspender.isComplete) return false;
    await this.#record.commit(pauseSession(this.#workflow, { reason: 'user' }, this.#now()));
    // It does not run from here on.
    await this.#readHistory();
    return this.#mayLeavePaused;
  }

  /**
   * What stands still is watched, but not where secrets are missing here: whoever resumes the session may have them,
   * and goes on with it only if nobody else owns it.
   */
  get #mayLeavePaused(): boolean {
    if (this.#running.length === 0) return true;
    const { session, agents } = this.#workflow;
    const isToStart = agents.some(({ state }) => isStartable(state));
    return isToStart && this.#project.files.environment(session.id).missing.length > 0;
  }

  /** A session is paused as a whole or not at all: what stands still already goes on. */
  async #refusePause(reason: string): Promise<boolean> {
    const data = { action: 'pause', agent: null, reason } as const;
    const event = sessionEvent('session.request_refused', this.#workflow.session.id, this.#now(), data);
    await this.#record.commit({ next: this.#workflow, events: [event] });
    this.#requests.pause = null;
    this.#wakeSignal.notify();
    return false;
  }

  /** Agents that run are let finish first. */
  async #pauseForQuota(): Promise<boolean> {
    if (this.#running.length > 0) return false;
    const pause = quotaPause(this.#workflow.agents, this.#project.settings.quota, this.#now());
    if (pause === null) {
      this.#wakeSignal.notify();
      return false;
    }
    await this.#record.commit(pauseSession(this.#workflow, { reason: 'quota', ...pause }, this.#now()));
    return true;
  }

  // -------------------------------------------------------------- agents

  async #handleAgentRequests(): Promise<void> {
    const requests = this.#requests.takeAgents();
    for (const { agentId, desired, reason } of requests) {
      if (agentId === null || desired !== 'cancelled') continue;
      const agent = agentOf(this.#workflow, agentId);
      if (agent.state === 'running') await this.#stop([agent], { kind: 'cancelled', reason });
      else if (isStartable(agent.state)) {
        await this.#record.commit(cancelAgent(this.#workflow, agentId, reason, this.#now()));
      }
    }
    const retries = requests.flatMap(({ agentId, desired }) =>
      agentId !== null && desired === 'pending' ? [agentId] : [],
    );
    const short = this.#workflow.agents.filter(({ state }) => state === 'failed' || state === 'cancelled');
    // Together they can go where one by one each would be in the other's way.
    const isWhole = short.length > 0 && short.every(({ id }) => retries.includes(id));
    if (isWhole && (await this.#retry(null)) === null) return;
    for (const id of retries) {
      const agent = agentOf(this.#workflow, id);
      // Set back with one that it depends on.
      if (agent.state === 'pending') continue;
      const reason = await this.#retry(id);
      if (reason !== null) await this.#refuse('retry', agent, reason);
    }
  }

  /** @returns why it is not possible; null when it is done */
  async #retry(id: AgentId | null): Promise<string | null> {
    let change: Change;
    try {
      const at = this.#now();
      const isPaused = this.#workflow.session.state === 'paused';
      const resumed = isPaused ? resumeSession(this.#workflow, at) : { next: this.#workflow, events: [] };
      const { next, events } = retryWorkflow(resumed.next, id, at);
      change = { next, events: [...resumed.events, ...events] };
    } catch (error) {
      if (!isMaosError(error, 'INVALID_TRANSITION')) throw error;
      return error.message;
    }
    await this.#record.commit(change);
    await this.#readHistory();
    return null;
  }

  /** It was possible when it was asked for; whoever waits for it hears that nothing comes of it. */
  async #refuse(action: SessionAction, agent: Agent, reason: string): Promise<void> {
    const data = { action, agent: agent.name, reason };
    const event = agentEvent('session.request_refused', agent, this.#now(), data);
    await this.#record.commit({ next: this.#workflow, events: [event] });
  }

  // -------------------------------------------------------------- progress

  #noteProgress(): void {
    const { runs } = this.#launcher;
    if (runs.size > 0 && !this.#wakeSignal.isSet('progress')) {
      this.#wakeSignal.schedule('progress', progressMs, () => {
        this.#progressDue = true;
      });
    }
    if (!this.#progressDue) return;
    this.#progressDue = false;
    const notes = [...runs.values()].flatMap((run) => run.takeNote() ?? []);
    this.#record.note(notes, this.#now());
  }

  async #checkBudgets(): Promise<void> {
    const check = this.#budgets.check(this.#workflow, this.#launcher.runs, this.#now());
    if (check.events.length > 0) await this.#record.commit({ next: this.#workflow, events: check.events });
    for (const { id, cause } of check.stops) await this.#stop([agentOf(this.#workflow, id)], cause);
    const { sessionSpent } = check;
    if (sessionSpent === null) return;
    await this.#cancelWaiting(sessionSpent);
    const explain = (): string => `${sessionSpent} It was stopped.`;
    await this.#stop(this.#running, { kind: 'limit', failure: 'budget_exceeded', explain });
  }

  async #letRun(decide: (workflow: Workflow, at: string) => Change): Promise<void> {
    await this.#record.commit(decide(this.#workflow, this.#now()));
    // The time it runs is counted from the event.
    await this.#readHistory();
  }

  #now(): string {
    return this.#project.clock.now();
  }

  #log(level: 'warn' | 'error', message: string, error?: unknown): void {
    const { id } = this.#workflow.session;
    this.#project.log.log(level, message, { session: id, ...(error === undefined ? {} : { error }) });
  }
}
