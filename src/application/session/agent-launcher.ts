import type { Agent, AgentFailure } from '../../domain/agent.ts';
import type { DomainEvent } from '../../domain/events.ts';
import type { AgentId } from '../../domain/ids.ts';
import { startAgents } from '../../domain/running-agents.ts';
import type { AgentReport } from '../../domain/settle-agent.ts';
import { agentOf } from '../../domain/workflow.ts';
import type { RunningAgent } from '../ports/agent-host.ts';
import type { Backend } from '../ports/backend.ts';
import type { Project } from '../project.ts';
import { AgentAdopter } from './agent-adopter.ts';
import { AgentLaunch } from './agent-launch.ts';
import { AgentRun, type RunCallbacks, type RunEnd } from './agent-run.ts';
import type { ArtifactRecorder } from './artifact-recorder.ts';
import { LaunchPreparation, type PreparationProject } from './launch-preparation.ts';
import type { PromptMessages } from './prompt-messages.ts';
import type { SessionHistory } from './session-history.ts';
import type { SessionRecord } from './session-record.ts';
import type { SlotManager } from './slot-manager.ts';
import type { WakeSignal } from './wake-signal.ts';

/** The parts of the project that launching agents needs. */
export type LauncherProject = PreparationProject & Pick<Project, 'backends' | 'clock' | 'log' | 'settings'>;

interface LauncherDeps {
  readonly project: LauncherProject;
  readonly record: SessionRecord;
  readonly slots: SlotManager;
  readonly artifacts: ArtifactRecorder;
  readonly history: SessionHistory;
  readonly prompts: PromptMessages;
  readonly wakeSignal: WakeSignal;
}

/** A process that was started or found, with its agent. */
interface Spawned {
  readonly agent: Agent;
  readonly running: RunningAgent;
}

interface FailedStart {
  readonly agent: Agent;
  readonly error: unknown;
}

/** Starts the agents of one session, adopts running ones, and keeps their runs until they end. */
export class AgentLauncher {
  readonly #deps: LauncherDeps;
  readonly #runs = new Map<AgentId, AgentRun>();
  /** Launches for which it is not known yet whether there is a process. */
  readonly #launches = new Map<AgentId, AgentLaunch>();
  readonly #preparation: LaunchPreparation;
  readonly #ends: RunEnd[] = [];
  readonly #failed: FailedStart[] = [];
  readonly #spawned: Spawned[] = [];
  readonly #adopter: AgentAdopter;
  readonly #callbacks: RunCallbacks;

  constructor(deps: LauncherDeps) {
    this.#deps = deps;
    const { project, record, artifacts, wakeSignal } = deps;
    const { clock, log, host } = project;
    this.#adopter = new AgentAdopter({ host, clock, log, record, wakeSignal });
    this.#preparation = new LaunchPreparation(project, record, artifacts, deps.prompts);
    this.#callbacks = {
      clock: project.clock,
      graceMs: project.settings.stopGraceMs,
      maxOutputBytes: project.settings.limits.maxOutputBytes,
      afterResultMs: project.settings.limits.afterResultMs,
      refusedMs: project.settings.quota.refusedMs,
      maxSubagents: project.settings.limits.maxSubagents,
      isOwner: () => record.isOwner(),
      withdraw: (run) => void this.withdraw(run.agent.id),
      ended: (end) => {
        this.#ends.push(end);
        wakeSignal.notify();
      },
      changed: () => wakeSignal.notify(),
      trouble: (message, error) =>
        project.log.log('error', message, { session: record.workflow.session.id, error }),
    };
  }

  /** The run of every agent that is recorded as running. */
  get runs(): ReadonlyMap<AgentId, AgentRun> {
    return this.#runs;
  }

  /** The runs that have ended since the last call. */
  takeEnds(): readonly RunEnd[] {
    return this.#ends.splice(0);
  }

  /** Agents in stage `preparing` whose process was found or started since the last call. */
  takeSpawned(): readonly Spawned[] {
    return this.#spawned.splice(0);
  }

  /** Agents that could not be started since the last call. */
  takeFailed(): readonly FailedStart[] {
    return this.#failed.splice(0);
  }

  forget(id: AgentId): void {
    this.#runs.delete(id);
    this.#deps.slots.give(id);
  }

  /** The agents continue, but this process no longer enforces their limits or reads their output. */
  abandon(): void {
    for (const launch of this.#launches.values()) launch.abandon();
    for (const run of this.#runs.values()) run.abandon();
  }

  /** Records agents as running and starts all of them beside the loop that decides. */
  async start(ready: readonly Agent[]): Promise<void> {
    const { record, slots } = this.#deps;
    const ids = ready.map((agent) => agent.id);
    try {
      await record.commit(startAgents(record.workflow, ids, this.#now()));
    } catch (error) {
      for (const id of ids) slots.give(id);
      throw error;
    }
    for (const before of ready) this.#launch(agentOf(record.workflow, before.id), before);
  }

  /**
   * Prevents that an agent without a process gets one. If there turns out to be a process, the agent is followed like
   * any other. Safe to repeat.
   * @returns whether the agent is being launched; then its end or its process will be reported
   */
  withdraw(id: AgentId): boolean {
    const launch = this.#launches.get(id);
    launch?.withdraw();
    return launch !== undefined;
  }

  /** Adopts the processes or ends of agents that an earlier owner recorded as running. */
  attachRunning(): void {
    for (const agent of this.#deps.record.workflow.agents) {
      if (agent.state === 'running') void this.#attach(this.#makeRun(agent).run);
    }
  }

  /**
   * Starts the process of an agent already recorded as running.
   * @param before the agent before it was recorded as running
   */
  #launch(agent: Agent, before: Agent): void {
    const { host } = this.#deps.project;
    const { id } = agent;
    try {
      const { run, backend } = this.#makeRun(agent);
      const launch = new AgentLaunch({
        prepare: () => this.#preparation.prepare(agent, before, backend),
        start: (spec, sink) => host.start(run.key, agent, spec, sink),
        sink: run,
        started: (running) => {
          this.#launches.delete(id);
          this.#deps.slots.bind(agent, running);
          void this.#follow(run, running);
          void this.#preparation.prepareNext();
        },
        failed: (error) => this.#tellFailed(agent, error),
        neverStarted: () => {
          this.#launches.delete(id);
          run.neverStarted();
        },
        undecided: () => this.#attachInstead(run),
      });
      this.#launches.set(id, launch);
      void launch.run();
    } catch (error) {
      this.#tellFailed(agent, error);
    }
  }

  /**
   * Attaching either fences the launch or finds the process. It uses a new run, because the output that the launch
   * delivered comes again from the first byte.
   */
  #attachInstead(launched: AgentRun): void {
    const { agent, stopCause } = launched;
    launched.abandon();
    const { run } = this.#makeRun(agent);
    if (stopCause !== null) run.stop(stopCause);
    void this.#attach(run).then(() => this.#launches.delete(agent.id));
  }

  #tellFailed(agent: Agent, error: unknown): void {
    this.#launches.delete(agent.id);
    this.#runs.get(agent.id)?.abandon();
    this.#log(`agent ${agent.id} could not be started`, error);
    this.#failed.push({ agent, error });
    this.#deps.wakeSignal.notify();
  }

  /** Findings about agents that cannot be adopted, since the last call. @throws as {@link AgentAdopter.takeFindings} */
  takeUnreachable(): readonly DomainEvent[] {
    return this.#adopter.takeFindings();
  }

  async #attach(run: AgentRun): Promise<void> {
    run.isAdopted = true;
    const running = await this.#adopter.attach(run);
    if (running === null) return;
    this.#deps.slots.adopt(run.agent, running);
    await this.#follow(run, running);
  }

  #makeRun(agent: Agent): { run: AgentRun; backend: Backend } {
    const { project, history } = this.#deps;
    const backend = project.backends.get(agent.backend);
    const run = new AgentRun(agent, backend, this.#callbacks, history.suspendedTime(agent.id));
    this.#runs.set(agent.id, run);
    return { run, backend };
  }

  async #follow(run: AgentRun, running: RunningAgent): Promise<void> {
    const { agent } = run;
    if (agent.stage === 'preparing' && !(await wasFenced(running))) {
      this.#spawned.push({ agent, running });
      this.#deps.wakeSignal.notify();
    }
    if (!this.#deps.record.left) run.begin(running);
  }

  #now(): string {
    return this.#deps.project.clock.now();
  }

  #log(message: string, error: unknown): void {
    const { project, record } = this.#deps;
    project.log.log('error', message, { session: record.workflow.session.id, error });
  }
}

/** Whether the launch was fenced before it began: then its end is known immediately. */
async function wasFenced({ ended }: RunningAgent): Promise<boolean> {
  const end = await Promise.race([ended, null]);
  return end?.how === 'never_started';
}

/** The failure of an agent whose process could not be started. */
export function spawnFailed(error: unknown): AgentReport {
  const message = error instanceof Error ? error.message : String(error);
  const failure: AgentFailure = { kind: 'spawn_failed', message, stderrTail: '' };
  return { outcome: { state: 'failed', failure, result: null }, usage: null, conversation: null };
}
