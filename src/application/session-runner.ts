import { type Agent, type AgentFailure, isStartable } from '../domain/agent.ts';
import { agentEvent, type DomainEvent } from '../domain/events.ts';
import type { AgentId } from '../domain/ids.ts';
import { findPredefinedRole } from '../domain/roles/catalog.ts';
import { customRole, type Role, roleBriefing } from '../domain/roles/role.ts';
import { decideStarts, decideStops } from '../domain/scheduling.ts';
import { isSessionEnded } from '../domain/session.ts';
import {
  type AgentReport,
  agentOf,
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
import { AgentRun, type RunEnd, type StopCause } from './agent-run.ts';
import { Alarm } from './alarm.ts';
import { ArtifactRecorder } from './artifact-recorder.ts';
import { composePrompt } from './handoff.ts';
import { type Backend, type Lease, LeaseLost, type RunningAgent } from './ports.ts';
import type { Project } from './project.ts';
import { SessionRecord } from './session-record.ts';
import { SlotKeeper } from './slot-keeper.ts';

/** How a runner left its session: ended or paused for good, or in the hands of another owner. */
export type RunnerOutcome = 'settled' | 'stood_down';

const progressMs = 2_000;
const stderrTailBytes = 4_096;

/**
 * Runs one session that this process owns. All decisions and commits happen in one loop, one after the other; what
 * happens outside (an agent ends, somebody asks, time passes) only leaves a note and wakes the loop. So the loop works
 * the same for a session just created and for one taken over in the middle.
 */
export class SessionRunner {
  readonly #project: Project;
  readonly #record: SessionRecord;
  readonly #alarm: Alarm;
  readonly #slots: SlotKeeper;
  readonly #artifacts: ArtifactRecorder;
  readonly #runs = new Map<AgentId, AgentRun>();
  readonly #ends: RunEnd[] = [];
  /** The reason last said to each agent that waits for a limit. */
  readonly #waiting = new Map<AgentId, string>();
  #cancelReason: string | null = null;
  #interruptReason: string | null = null;
  #progressDue = false;

  constructor(project: Project, lease: Lease, workflow: Workflow) {
    this.#project = project;
    this.#record = new SessionRecord(project, lease, workflow);
    this.#alarm = new Alarm(project.clock);
    this.#slots = new SlotKeeper(project, this.#alarm);
    this.#artifacts = new ArtifactRecorder(project.files, project.store.artifacts(lease.sessionId));
  }

  /** Cancels the session as soon as the loop comes round. */
  cancel(reason: string): void {
    this.#cancelReason ??= reason;
    this.#alarm.ring();
  }

  /** Stops the agents so that they can be resumed, and leaves the session paused as interrupted. */
  interrupt(reason: string): void {
    this.#interruptReason ??= reason;
    this.#alarm.ring();
  }

  /** Another process owns the session now, or soon will: touch nothing more. Its agents go on. */
  standDown(): void {
    this.#record.leave();
    this.#alarm.ring();
  }

  /**
   * Runs the session until it ends, pauses or gets another owner.
   * @throws whatever makes it impossible to go on; the session can be run again by another runner then
   */
  async run(): Promise<RunnerOutcome> {
    try {
      await this.#prepare();
      this.#attachRunning();
      while (!this.#record.left && !(await this.#step())) await this.#alarm.sleep();
    } catch (error) {
      // What comes late, such as an agent that just started, must find that nobody listens here any more.
      const isLost = error instanceof LeaseLost;
      this.#record.leave();
      if (!isLost) throw error;
      this.#log('warn', 'stood down: session has another owner');
    } finally {
      this.#alarm.off();
      for (const run of this.#runs.values()) run.abandon();
      await this.#record.close();
    }
    return this.#record.left ? 'stood_down' : 'settled';
  }

  get #workflow(): Workflow {
    return this.#record.workflow;
  }

  /** Without its folders the agents' own preparation fails and says why; a running agent needs none of them. */
  async #prepare(): Promise<void> {
    try {
      await this.#project.files.prepareSession(this.#workflow);
    } catch (error) {
      this.#log('error', "the session's folders could not be prepared", error);
    }
  }

  /** One round of the loop. True when nothing is left to do. */
  async #step(): Promise<boolean> {
    await this.#settleEnded();
    if (this.#record.left) return false;
    if (isSessionEnded(this.#workflow.session.state)) return true;
    if (this.#cancelReason !== null) return this.#cancelAll(this.#cancelReason);
    if (this.#interruptReason !== null) return this.#interruptAll(this.#interruptReason);
    if (this.#workflow.session.state === 'created')
      await this.#record.commit(startSession(this.#workflow, this.#now()));
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
    await this.#record.commit(finished);
    return true;
  }

  // -------------------------------------------------------------- starting

  async #startReady(): Promise<void> {
    const { settings } = this.#project;
    const { session, agents } = this.#workflow;
    const decision = decideStarts(session, agents, {
      maxConcurrency: settings.maxConcurrentAgents.session,
      maxAgentsPerRole: settings.maxConcurrentAgents.role,
    });
    const onMachine = this.#slots.take(decision.start);
    await this.#sayWaiting([
      ...decision.wait,
      ...onMachine.wait.map((agent) => ({ agent, reason: onMachine.reason })),
    ]);
    if (onMachine.start.length > 0) await this.#start(onMachine.start);
  }

  async #sayWaiting(waits: readonly { agent: Agent; reason: string }[]): Promise<void> {
    const at = this.#now();
    const events: DomainEvent[] = [];
    for (const { agent, reason } of waits) {
      if (this.#waiting.get(agent.id) === reason) continue;
      this.#waiting.set(agent.id, reason);
      events.push(agentEvent('agent.waiting', agent, at, { name: agent.name, reason }));
    }
    if (events.length > 0) await this.#record.commit({ next: this.#workflow, events });
  }

  async #start(ready: readonly Agent[]): Promise<void> {
    const { store } = this.#project;
    const artifacts = await this.#record.patiently(() => store.artifacts(this.#workflow.session.id));
    const prompts = ready.map((agent) => {
      const locations = this.#project.files.locations(agent);
      const resume = resumeOf(agent) !== null;
      return composePrompt({ workflow: this.#workflow, agent, locations, artifacts, resume });
    });
    const ids = ready.map((agent) => agent.id);
    await this.#record.commit(startAgents(this.#workflow, ids, this.#now()));
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
      if (running !== null) this.#slots.bind(agent, running);
    }
    if (spawned.length > 0) await this.#record.commit({ next: this.#workflow, events: spawned });
    for (const { agent, error } of launches) {
      if (error === null) continue;
      await this.#record.commit(settleAgent(this.#workflow, agent.id, spawnFailed(error), this.#now()));
      this.#forget(agent.id);
      this.#alarm.ring();
    }
  }

  /** Starts the process of an agent already recorded as running. Stores nothing: several are started at once. */
  async #launch(agent: Agent, prompt: string, resume: string | null): Promise<Launch> {
    const { files, host } = this.#project;
    const { session } = this.#workflow;
    try {
      const { run, backend } = this.#makeRun(agent);
      await files.prepareAgent(agent, prompt);
      const locations = files.locations(agent);
      const briefing = roleBriefing(roleOf(agent));
      const spec = await backend.prepare({ session, agent, briefing, prompt, locations, resume });
      const env = { ...agentEnvironment(session, agent, locations), ...spec.env };
      const running = await host.start(run.key, agent, { ...spec, env }, run);
      this.#begin(run, running);
      return { agent, running, error: null };
    } catch (error) {
      this.#log('error', `agent ${agent.id} could not be started`, error);
      return { agent, running: null, error };
    }
  }

  /** Agents recorded as running by an owner before this one: their processes are taken up, or their ends. */
  #attachRunning(): void {
    for (const agent of this.#workflow.agents) {
      if (agent.state === 'running') void this.#attach(this.#makeRun(agent).run);
    }
  }

  /**
   * An agent that cannot be taken up is tried again for as long as it takes: it may live, and to take it for lost could
   * run it twice.
   */
  async #attach(run: AgentRun): Promise<void> {
    const { agent } = run;
    for (;;) {
      try {
        const running = await this.#project.host.attach(run.key, agent, run);
        if (this.#record.left) return;
        this.#slots.adopt(agent, running);
        return this.#begin(run, running);
      } catch (error) {
        this.#log('error', `agent ${agent.id} could not be taken up, trying again`, error);
        await this.#record.pause();
        if (this.#record.left) return;
      }
    }
  }

  #makeRun(agent: Agent): { run: AgentRun; backend: Backend } {
    const backend = this.#project.backends.get(agent.backend);
    const run = new AgentRun(agent, backend, this.#project.clock);
    this.#runs.set(agent.id, run);
    return { run, backend };
  }

  #begin(run: AgentRun, running: RunningAgent): void {
    if (this.#record.left) return;
    run.begin(running, this.#project.settings.stopGraceMs, (end) => {
      this.#ends.push(end);
      this.#alarm.ring();
    });
  }

  // -------------------------------------------------------------- ending

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
      await this.#record.commit(
        { next: settled.next, events: [...found.events, ...stopped, ...settled.events] },
        found.records,
      );
      found = { records: [], events: [] };
      this.#forget(run.agent.id);
    }
  }

  #stop(agent: Agent, cause: StopCause): void {
    this.#runs.get(agent.id)?.stop(cause, this.#project.settings.stopGraceMs);
  }

  async #cancelAll(reason: string): Promise<boolean> {
    if (this.#workflow.agents.some((agent) => isStartable(agent.state))) {
      await this.#record.commit(cancelWaiting(this.#workflow, reason, this.#now()));
    }
    const running = this.#workflow.agents.filter((agent) => agent.state === 'running');
    for (const agent of running) this.#stop(agent, { kind: 'cancelled', reason });
    if (running.length > 0) return false;
    await this.#record.commit(cancelSession(this.#workflow, reason, this.#now()));
    return true;
  }

  async #interruptAll(reason: string): Promise<boolean> {
    const running = this.#workflow.agents.filter((agent) => agent.state === 'running');
    for (const agent of running) this.#stop(agent, { kind: 'interrupted', reason });
    if (running.length > 0) return false;
    if (this.#workflow.session.state === 'created') {
      await this.#record.commit(startSession(this.#workflow, this.#now()));
    }
    const finished = finishSession(this.#workflow, this.#now());
    if (finished !== null) await this.#record.commit(finished);
    else if (this.#workflow.session.state === 'running') {
      await this.#record.commit(pauseSession(this.#workflow, { reason: 'interrupted' }, this.#now()));
    }
    return true;
  }

  #forget(id: AgentId): void {
    this.#runs.delete(id);
    this.#waiting.delete(id);
    this.#slots.give(id);
  }

  async #stderrTail(agent: Agent): Promise<string> {
    try {
      const page = await this.#project.files.readOutput(agent, 'stderr', -stderrTailBytes, stderrTailBytes);
      return new TextDecoder().decode(page.bytes).trimEnd().split('\n').slice(-20).join('\n');
    } catch (error) {
      // How it ended is known and has to be recorded, with or without its last words.
      this.#log('warn', `stderr of agent ${agent.id} could not be read`, error);
      return '';
    }
  }

  // -------------------------------------------------------------- progress

  async #noteProgress(): Promise<void> {
    if (this.#runs.size > 0 && !this.#alarm.isSet('progress')) {
      this.#alarm.later('progress', progressMs, () => {
        this.#progressDue = true;
      });
    }
    if (!this.#progressDue) return;
    this.#progressDue = false;
    const notes = [...this.#runs.values()].flatMap((run) => run.takeNote() ?? []);
    if (notes.length > 0) await this.#record.commit(recordProgress(this.#workflow, notes, this.#now()));
  }

  #now(): string {
    return this.#project.clock.now();
  }

  #log(level: 'warn' | 'error', message: string, error?: unknown): void {
    const { id } = this.#workflow.session;
    this.#project.log.log(level, message, { session: id, ...(error === undefined ? {} : { error }) });
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
  const failure: AgentFailure = { kind: 'spawn_failed', message: messageOf(error), stderrTail: '' };
  return { outcome: { state: 'failed', failure, result: null }, usage: null, conversation: null };
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
