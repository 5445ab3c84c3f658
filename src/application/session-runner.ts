import { type Agent, type AgentFailure, isStartable } from '../domain/agent.ts';
import { isMaosError } from '../domain/errors.ts';
import { agentEvent, type DomainEvent, type RecordedEvent } from '../domain/events.ts';
import type { AgentId } from '../domain/ids.ts';
import { findPredefinedRole } from '../domain/roles/catalog.ts';
import { customRole, type Role, roleBriefing } from '../domain/roles/role.ts';
import { decideStarts, decideStops } from '../domain/scheduling.ts';
import { isSessionEnded } from '../domain/session.ts';
import {
  type AgentReport,
  agentOf,
  type Change,
  cancelSession,
  cancelWaiting,
  finishSession,
  pauseSession,
  recordProgress,
  settleAgent,
  startAgents,
  startSession,
  type Workflow,
} from '../domain/workflow.ts';
import { agentEnvironment } from './agent-environment.ts';
import { AgentRun, type RunEnd } from './agent-run.ts';
import { ArtifactRecorder } from './artifact-recorder.ts';
import { composePrompt } from './handoff.ts';
import { type ArtifactRecord, type Lease, LeaseLost, type RunningAgent } from './ports.ts';
import type { Project } from './project.ts';

/** How a runner left its session: ended or paused for good, or in the hands of another owner. */
export type RunnerOutcome = 'settled' | 'stood_down';

/** Time between two looks at limits that other processes may have relaxed. */
const slotRetryMs = 250;
const progressMs = 2_000;
/** Pause before a store that was busy or full is tried again. */
const storeRetryMs = 500;
const stderrTailBytes = 4_096;

/**
 * Runs one session that this process owns. All decisions and commits happen in one loop, one after the other; what
 * happens outside (an agent ends, somebody asks, time passes) only leaves a note and wakes the loop. So the loop works
 * the same for a session just created and for one taken over in the middle.
 */
export class SessionRunner {
  readonly #project: Project;
  readonly #lease: Lease;
  readonly #artifacts: ArtifactRecorder;
  readonly #runs = new Map<AgentId, AgentRun>();
  readonly #ends: RunEnd[] = [];
  /** The reason last said to each agent that waits for a limit. */
  readonly #waiting = new Map<AgentId, string>();
  readonly #timers = new Map<string, () => void>();
  #workflow: Workflow;
  #logged: Promise<void> = Promise.resolve();
  #cancelReason: string | null = null;
  #interruptReason: string | null = null;
  #progressDue = false;
  #stoodDown = false;
  #awake = true;
  #wake = (): void => {};

  constructor(project: Project, lease: Lease, workflow: Workflow) {
    this.#project = project;
    this.#lease = lease;
    this.#workflow = workflow;
    this.#artifacts = new ArtifactRecorder(project.files, project.store.artifacts(lease.sessionId));
  }

  get lease(): Lease {
    return this.#lease;
  }

  /** Cancels the session as soon as the loop comes round. */
  cancel(reason: string): void {
    this.#cancelReason ??= reason;
    this.#signal();
  }

  /** Stops the agents so that they can be resumed, and leaves the session paused as interrupted. */
  interrupt(reason: string): void {
    this.#interruptReason ??= reason;
    this.#signal();
  }

  /** Another process owns the session now, or soon will: touch nothing more. Its agents go on. */
  standDown(): void {
    this.#stoodDown = true;
    this.#signal();
  }

  /** Runs the session until it ends, pauses or gets another owner. */
  async run(): Promise<RunnerOutcome> {
    try {
      await this.#project.files.prepareSession(this.#workflow);
      await this.#attachRunning();
      while (!this.#stoodDown && !(await this.#step())) await this.#sleep();
      return this.#stoodDown ? 'stood_down' : 'settled';
    } catch (error) {
      if (!(error instanceof LeaseLost)) throw error;
      this.#project.log.log('warn', 'stood down: session has another owner', {
        session: this.#lease.sessionId,
      });
      return 'stood_down';
    } finally {
      for (const stop of this.#timers.values()) stop();
      if (!this.#stoodDown) await this.#finishFiles();
    }
  }

  /** One round of the loop. True when nothing is left to do. */
  async #step(): Promise<boolean> {
    await this.#settleEnded();
    if (this.#stoodDown) return false;
    if (isSessionEnded(this.#workflow.session.state)) return true;
    if (this.#cancelReason !== null) return this.#cancelAll(this.#cancelReason);
    if (this.#interruptReason !== null) return this.#interruptAll(this.#interruptReason);
    if (this.#workflow.session.state === 'created')
      await this.#commit(startSession(this.#workflow, this.#now()));
    for (const agent of decideStops(this.#workflow.session, this.#workflow.agents)) {
      this.#stop(agent, {
        kind: 'cancelled',
        reason: 'Another agent failed and the failure policy is fail_fast.',
      });
    }
    await this.#noteProgress();
    await this.#startReady();
    const finished = finishSession(this.#workflow, this.#now());
    if (finished === null) return false;
    await this.#commit(finished);
    return true;
  }

  // -------------------------------------------------------------- starting

  async #startReady(): Promise<void> {
    const { settings, slots } = this.#project;
    const { session, agents } = this.#workflow;
    const decision = decideStarts(session, agents, {
      maxConcurrency: settings.maxConcurrentAgents.session,
      maxAgentsPerRole: settings.maxConcurrentAgents.role,
    });
    const machineLimit = settings.maxConcurrentAgents.machine;
    const ready: Agent[] = [];
    const waits: { agent: Agent; reason: string }[] = decision.wait.map(({ agent, reason }) => ({
      agent,
      reason,
    }));
    for (const agent of decision.start) {
      if (waits.length === decision.wait.length && slots.tryTake(agent.id, session.id, machineLimit))
        ready.push(agent);
      else waits.push({ agent, reason: `machine_limit of ${machineLimit} agents` });
    }
    if (waits.length > decision.wait.length) this.#later('slot', slotRetryMs, () => {});
    await this.#sayWaiting(waits);
    if (ready.length > 0) await this.#start(ready);
  }

  async #sayWaiting(waits: readonly { agent: Agent; reason: string }[]): Promise<void> {
    const at = this.#now();
    const events: DomainEvent[] = [];
    for (const { agent, reason } of waits) {
      if (this.#waiting.get(agent.id) === reason) continue;
      this.#waiting.set(agent.id, reason);
      events.push(agentEvent('agent.waiting', agent, at, { name: agent.name, reason }));
    }
    if (events.length > 0) await this.#commit({ next: this.#workflow, events });
  }

  async #start(ready: readonly Agent[]): Promise<void> {
    const artifacts = this.#project.store.artifacts(this.#workflow.session.id);
    const prompts = ready.map((agent) => {
      const locations = this.#project.files.locations(agent);
      const resume = resumeOf(agent) !== null;
      return composePrompt({ workflow: this.#workflow, agent, locations, artifacts, resume });
    });
    const ids = ready.map((agent) => agent.id);
    await this.#commit(startAgents(this.#workflow, ids, this.#now()));
    const launches = await Promise.all(
      ready.map((agent, index) =>
        this.#launch(agentOf(this.#workflow, agent.id), prompts[index] as string, resumeOf(agent)),
      ),
    );
    const at = this.#now();
    const spawned = launches.flatMap(({ agent, running }) =>
      running === null
        ? []
        : [
            agentEvent('agent.spawned', agent, at, {
              name: agent.name,
              attempt: agent.attempt,
              where: running.where,
            }),
          ],
    );
    for (const { agent, running } of launches) {
      if (running !== null) this.#project.slots.bind(agent.id, running.where);
    }
    if (spawned.length > 0) await this.#commit({ next: this.#workflow, events: spawned });
    for (const { agent, error } of launches) {
      if (error === null) continue;
      await this.#commit(settleAgent(this.#workflow, agent.id, spawnFailed(error), this.#now()));
      this.#forget(agent.id);
      this.#signal();
    }
  }

  /** Starts the process of an agent already recorded as running. Stores nothing: several are started at once. */
  async #launch(agent: Agent, prompt: string, resume: string | null): Promise<Launch> {
    const { backends, files, host, settings } = this.#project;
    const { session } = this.#workflow;
    const backend = backends.get(agent.backend);
    const run = new AgentRun(agent, backend, this.#project.clock);
    this.#runs.set(agent.id, run);
    try {
      await files.prepareAgent(agent, prompt);
      const locations = files.locations(agent);
      const briefing = roleBriefing(roleOf(agent));
      const spec = await backend.prepare({ session, agent, briefing, prompt, locations, resume });
      const env = { ...agentEnvironment(session, agent, locations), ...spec.env };
      const running = await host.start(run.key, agent, { ...spec, env }, run);
      run.begin(running, settings.stopGraceMs, (end) => this.#ended(end));
      return { agent, running, error: null };
    } catch (error) {
      this.#project.log.log('error', 'agent could not be started', { agent: agent.id, error });
      return { agent, running: null, error };
    }
  }

  /** Agents recorded as running by an owner before this one: their processes are taken up, or their ends. */
  async #attachRunning(): Promise<void> {
    const { backends, host, clock, settings } = this.#project;
    for (const agent of this.#workflow.agents) {
      if (agent.state !== 'running') continue;
      const run = new AgentRun(agent, backends.get(agent.backend), clock);
      this.#runs.set(agent.id, run);
      const running = await host.attach(run.key, agent, run);
      run.begin(running, settings.stopGraceMs, (end) => this.#ended(end));
    }
  }

  // -------------------------------------------------------------- ending

  #ended(end: RunEnd): void {
    this.#ends.push(end);
    this.#signal();
  }

  async #settleEnded(): Promise<void> {
    const ends = this.#ends.splice(0);
    if (ends.length === 0) return;
    const tails = await Promise.all(ends.map(({ run }) => this.#stderrTail(run.agent)));
    const at = this.#now();
    let found = await this.#artifacts.collect(this.#workflow, at);
    for (const [index, { run, end, stop }] of ends.entries()) {
      const report = run.report(end, stop, tails[index] ?? '');
      const settled = settleAgent(this.#workflow, run.agent.id, report, at);
      const stopped: DomainEvent[] =
        stop === null ? [] : [agentEvent('agent.stopped', run.agent, at, { name: run.agent.name, ...stop })];
      await this.#commit(
        { next: settled.next, events: [...found.events, ...stopped, ...settled.events] },
        found.records,
      );
      found = { records: [], events: [] };
      this.#forget(run.agent.id);
    }
  }

  #stop(agent: Agent, cause: Parameters<AgentRun['stop']>[0]): void {
    const run = this.#runs.get(agent.id);
    if (run === undefined || run.stopAsked) return;
    void run.stop(cause, this.#project.settings.stopGraceMs).then((report) => {
      // The end would never come: what could not be ended is reported instead of waited for.
      if (report.survivors > 0) this.#ended({ run, end: { how: 'lost', at: this.#now() }, stop: report });
    });
  }

  async #cancelAll(reason: string): Promise<boolean> {
    if (this.#workflow.agents.some((agent) => isStartable(agent.state))) {
      await this.#commit(cancelWaiting(this.#workflow, reason, this.#now()));
    }
    const running = this.#workflow.agents.filter((agent) => agent.state === 'running');
    for (const agent of running) this.#stop(agent, { kind: 'cancelled', reason });
    if (running.length > 0) return false;
    await this.#commit(cancelSession(this.#workflow, reason, this.#now()));
    return true;
  }

  async #interruptAll(reason: string): Promise<boolean> {
    const running = this.#workflow.agents.filter((agent) => agent.state === 'running');
    for (const agent of running) this.#stop(agent, { kind: 'interrupted', reason });
    if (running.length > 0) return false;
    const finished = finishSession(this.#workflow, this.#now());
    if (finished !== null) await this.#commit(finished);
    else if (this.#workflow.session.state === 'running') {
      await this.#commit(pauseSession(this.#workflow, { reason: 'interrupted' }, this.#now()));
    }
    return true;
  }

  #forget(id: AgentId): void {
    this.#runs.delete(id);
    this.#waiting.delete(id);
    this.#project.slots.give(id);
  }

  async #stderrTail(agent: Agent): Promise<string> {
    const page = await this.#project.files.readOutput(agent, 'stderr', -stderrTailBytes, stderrTailBytes);
    return new TextDecoder().decode(page.bytes).trimEnd().split('\n').slice(-20).join('\n');
  }

  // -------------------------------------------------------------- progress

  async #noteProgress(): Promise<void> {
    if (this.#runs.size > 0 && !this.#timers.has('progress')) {
      this.#later('progress', progressMs, () => {
        this.#progressDue = true;
      });
    }
    if (!this.#progressDue) return;
    this.#progressDue = false;
    const notes = [...this.#runs.values()].flatMap((run) => run.takeNote() ?? []);
    if (notes.length > 0) await this.#commit(recordProgress(this.#workflow, notes, this.#now()));
  }

  // -------------------------------------------------------------- storing

  /**
   * Stores a change and makes it the present state. A store that is busy or full is tried again for as long as it
   * takes: the agents go on, and nothing that happened is dropped.
   * @throws LeaseLost
   */
  async #commit(change: Change, artifacts: readonly ArtifactRecord[] = []): Promise<void> {
    for (;;) {
      if (this.#stoodDown) throw new LeaseLost(this.#lease.sessionId);
      try {
        const events = this.#project.store.commit(this.#lease, this.#workflow, change, artifacts);
        this.#workflow = change.next;
        this.#project.watcher.notify();
        this.#keepLog(events);
        return;
      } catch (error) {
        if (!isMaosError(error, 'STORE_BUSY') && !isMaosError(error, 'RESOURCE_LIMIT_EXCEEDED')) throw error;
        this.#project.log.log('error', 'store not writable, trying again', {
          session: this.#lease.sessionId,
          error,
        });
        await new Promise<void>((resolve) => this.#project.clock.after(storeRetryMs, resolve));
      }
    }
  }

  /** Brings session.log after the table, off the path of decisions. Its own trouble never stops a session. */
  #keepLog(events: readonly RecordedEvent[]): void {
    if (events.length === 0) return;
    const { files, store, log } = this.#project;
    const id = this.#lease.sessionId;
    this.#logged = this.#logged
      .then(async () => {
        for (;;) {
          const missing = store.events(id, await files.lastLogged(id), 1_000);
          if (missing.length === 0) return;
          await files.appendLog(id, missing);
        }
      })
      .catch((error: unknown) => log.log('error', 'session.log is behind', { session: id, error }));
  }

  async #finishFiles(): Promise<void> {
    await this.#logged;
    await this.#project.files
      .writeMetadata(this.#workflow)
      .catch((error: unknown) => this.#project.log.log('error', 'metadata.json not written', { error }));
  }

  // -------------------------------------------------------------- waking

  #now(): string {
    return this.#project.clock.now();
  }

  #signal(): void {
    this.#awake = true;
    this.#wake();
  }

  #later(name: string, ms: number, action: () => void): void {
    this.#timers.get(name)?.();
    const stop = this.#project.clock.after(ms, () => {
      this.#timers.delete(name);
      action();
      this.#signal();
    });
    this.#timers.set(name, stop);
  }

  async #sleep(): Promise<void> {
    if (!this.#awake) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    this.#awake = false;
  }
}

/** The conversation an agent goes on with when it is started again; null when it begins anew. */
function resumeOf(agent: Agent): string | null {
  return agent.state === 'resumable' ? agent.conversation : null;
}

interface Launch {
  readonly agent: Agent;
  readonly running: RunningAgent | null;
  readonly error: unknown;
}

function roleOf(agent: Agent): Role {
  const { name, custom } = agent.role;
  return (
    findPredefinedRole(name) ?? customRole({ name, description: custom?.description ?? name, ...custom })
  );
}

/** A process that could not be started is a recorded failure of its agent, whatever the reason. */
function spawnFailed(error: unknown): AgentReport {
  const message = error instanceof Error ? error.message : String(error);
  const failure: AgentFailure = { kind: 'spawn_failed', message, stderrTail: '' };
  return { outcome: { state: 'failed', failure, result: null }, usage: null, conversation: null };
}
