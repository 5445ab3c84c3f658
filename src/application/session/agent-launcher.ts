import type { Agent, AgentFailure } from '../../domain/agent.ts';
import { MaosError } from '../../domain/errors.ts';
import type { DomainEvent } from '../../domain/events.ts';
import type { AgentId } from '../../domain/ids.ts';
import { startAgents } from '../../domain/running-agents.ts';
import type { AgentReport } from '../../domain/settle-agent.ts';
import { agentOf } from '../../domain/workflow.ts';
import type { OutputSink, RunningAgent } from '../ports/agent-host.ts';
import type { Project } from '../project.ts';
import { AgentAdopter } from './agent-adopter.ts';
import { AgentLaunch, type PreparedLaunch } from './agent-launch.ts';
import type { AgentRun } from './agent-run.ts';
import type { AgentRuns } from './agent-runs.ts';
import type { CheckPreparation } from './check-preparation.ts';
import type { LaunchPreparation } from './launch-preparation.ts';
import type { SessionRecord } from './session-record.ts';
import type { SlotManager } from './slot-manager.ts';
import type { WakeSignal } from './wake-signal.ts';

/** The parts of the project that launching agents needs. */
export type LauncherProject = Pick<Project, 'clock' | 'host' | 'log'>;

interface LauncherDeps {
  readonly project: LauncherProject;
  readonly record: SessionRecord;
  readonly slots: SlotManager;
  readonly runs: AgentRuns;
  readonly preparation: LaunchPreparation;
  readonly checks: CheckPreparation;
  readonly wakeSignal: WakeSignal;
}

/** A process that was started or found, with its agent. */
interface Spawned {
  readonly agent: Agent;
  readonly running: RunningAgent;
}

interface FailedStart {
  /** In stage `verifying` if it was a check. */
  readonly agent: Agent;
  readonly error: unknown;
}

/** How a launch is prepared, and how its run is made, again if it must be found out whether there is a process. */
interface LaunchPlan {
  makeRun(): AgentRun;
  prepare(run: AgentRun, signal: AbortSignal): Promise<PreparedLaunch | null>;
}

/** Starts the programs and checks of one session's agents, and adopts running ones. */
export class AgentLauncher {
  readonly #deps: LauncherDeps;
  /** Launches for which it is not known yet whether there is a process. */
  readonly #launches = new Map<AgentId, AgentLaunch>();
  readonly #failed: FailedStart[] = [];
  readonly #spawned: Spawned[] = [];
  readonly #adopter: AgentAdopter;

  constructor(deps: LauncherDeps) {
    this.#deps = deps;
    const { project, record, wakeSignal } = deps;
    const { clock, log, host } = project;
    this.#adopter = new AgentAdopter({ host, clock, log, record, wakeSignal });
  }

  /** The run of every agent that is recorded as running, unless it is between two runs. */
  get runs(): ReadonlyMap<AgentId, AgentRun> {
    return this.#deps.runs.all;
  }

  /** Agents in stage `preparing` whose process was found or started since the last call. */
  takeSpawned(): readonly Spawned[] {
    return this.#spawned.splice(0);
  }

  /** Programs and checks that could not be started since the last call. */
  takeFailed(): readonly FailedStart[] {
    return this.#failed.splice(0);
  }

  forget(id: AgentId): void {
    this.#deps.runs.forget(id);
    this.#deps.slots.give(id);
  }

  /** The agents continue, but this process no longer enforces their limits or reads their output. */
  abandon(): void {
    for (const launch of this.#launches.values()) launch.abandon();
    for (const run of this.runs.values()) run.abandon();
  }

  /** Records agents as running and starts all of them beside the loop that decides. */
  async start(ready: readonly Agent[]): Promise<void> {
    const { record, slots, project } = this.#deps;
    const ids = ready.map((agent) => agent.id);
    try {
      await record.commit(startAgents(record.workflow, ids, project.clock.now()));
    } catch (error) {
      for (const id of ids) slots.give(id);
      throw error;
    }
    for (const before of ready) this.launch(before);
  }

  /**
   * Starts the program of an agent that is recorded as running.
   * @param before the agent before it was recorded so
   */
  launch(before: Agent): void {
    const agent = agentOf(this.#deps.record.workflow, before.id);
    this.#begin(agent, {
      makeRun: () => this.#deps.runs.ofProgram(agent).run,
      prepare: (_, signal) => this.#deps.preparation.prepare(agent, before, signal),
    });
  }

  /**
   * Starts the next check of an agent's work.
   * @param check its number
   * @param command null: only records what is to be proven
   */
  check(agent: Agent, check: number, command: string | null): void {
    this.#begin(agent, {
      makeRun: () => this.#deps.runs.ofCheck(agent, check),
      prepare: (run, signal) => this.#deps.checks.prepare(agent, command, run, signal),
    });
  }

  /** Follows a check that is recorded as started. */
  followCheck(agent: Agent, check: number): void {
    const run = this.#deps.runs.ofCheck(agent, check);
    this.#deps.runs.stopIfLate(run);
    void this.#attach(run);
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
    const { runs, record } = this.#deps;
    for (const agent of record.workflow.agents) {
      if (agent.state !== 'running') continue;
      const check = runningCheckOf(agent);
      if (check !== null) this.followCheck(agent, check);
      else if (!isBetweenRuns(agent)) void this.#attach(runs.ofProgram(agent).run);
    }
  }

  #begin(agent: Agent, plan: LaunchPlan): void {
    const { id } = agent;
    try {
      const run = plan.makeRun();
      const launch = new AgentLaunch({
        prepare: (signal) => plan.prepare(run, signal),
        start: (spec, sink) => this.#start(run, spec, sink),
        sink: run,
        started: (running) => {
          this.#launches.delete(id);
          this.#deps.slots.bind(agent, running);
          void this.#follow(run, running);
          if (!run.isCheck) void this.#deps.preparation.prepareNext();
        },
        unneeded: () => {
          this.#launches.delete(id);
          this.#leave(run);
          this.#deps.wakeSignal.notify();
        },
        failed: (error) => this.#tellFailed(run, agent, error),
        neverStarted: () => {
          this.#launches.delete(id);
          run.neverStarted();
        },
        undecided: () => this.#attachInstead(run, plan),
      });
      this.#launches.set(id, launch);
      void launch.run();
      this.#deps.runs.stopIfLate(run);
    } catch (error) {
      this.#tellFailed(null, agent, error);
    }
  }

  async #start({ key, agent }: AgentRun, spec: PreparedLaunch, sink: OutputSink): Promise<RunningAgent> {
    const { host } = this.#deps.project;
    if ('program' in spec) return host.start(key, agent, spec, sink);
    if (host.order !== undefined) return host.order(key, spec, sink);
    throw new MaosError('SPAWN_FAILED', `Agent ${agent.name} is for a pool, and this host reaches none.`);
  }

  /**
   * Attaching either fences the launch or finds the process. It uses a new run, because the output that the launch
   * delivered comes again from the first byte.
   */
  #attachInstead(launched: AgentRun, plan: LaunchPlan): void {
    const { agent, stopCause } = launched;
    launched.abandon();
    const run = plan.makeRun();
    if (stopCause !== null) run.stop(stopCause);
    void this.#attach(run).then(() => this.#launches.delete(agent.id));
  }

  #tellFailed(run: AgentRun | null, agent: Agent, error: unknown): void {
    this.#launches.delete(agent.id);
    if (run !== null) this.#leave(run);
    const { project, record, wakeSignal } = this.#deps;
    const message = `agent ${agent.id} could not be started`;
    project.log.log('error', message, { session: record.workflow.session.id, error });
    this.#failed.push({ agent, error });
    wakeSignal.notify();
  }

  #leave(run: AgentRun): void {
    run.abandon();
    this.#deps.runs.remove(run.agent.id);
  }

  /** Findings about agents that cannot be adopted, and news of other machines, since the last call. @throws as {@link AgentAdopter.takeFindings} */
  takeUnreachable(): readonly DomainEvent[] {
    return [...this.#adopter.takeFindings(), ...this.#deps.runs.takeHeard()];
  }

  async #attach(run: AgentRun): Promise<void> {
    run.isAdopted = true;
    const running = await this.#adopter.attach(run);
    if (running === null) return;
    this.#deps.slots.adopt(run.agent, running);
    await this.#follow(run, running);
  }

  async #follow(run: AgentRun, running: RunningAgent): Promise<void> {
    const { agent } = run;
    if (agent.stage === 'preparing' && !(await wasFenced(running))) {
      this.#spawned.push({ agent, running });
      this.#deps.wakeSignal.notify();
    }
    if (!this.#deps.record.left) run.begin(running);
  }
}

/** The check of the agent that is recorded as started. */
export function runningCheckOf({ proof }: Agent): number | null {
  return proof === null || proof.runningSince === null ? null : proof.checks;
}

/** Its program has ended, and what follows is decided without it. */
export function isBetweenRuns({ stage, proof }: Agent): boolean {
  return proof?.isDue === true && (stage === 'verifying' || stage === 'collecting');
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
