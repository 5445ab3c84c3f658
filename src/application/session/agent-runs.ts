import type { Agent } from '../../domain/agent.ts';
import { agentEvent, type DomainEvent } from '../../domain/events.ts';
import type { AgentId } from '../../domain/ids.ts';
import type { HostNews } from '../ports/agent-host.ts';
import type { Backend } from '../ports/backend.ts';
import type { Project } from '../project.ts';
import { AgentRun, type RunCallbacks, type RunEnd } from './agent-run.ts';
import { checkAgent } from './check-run.ts';
import type { SessionHistory } from './session-history.ts';
import type { SessionRecord } from './session-record.ts';
import type { StopCause } from './stop-cause.ts';
import type { WakeSignal } from './wake-signal.ts';

/** The parts of the project that runs need. */
export type RunsProject = Pick<Project, 'backends' | 'clock' | 'log' | 'settings'>;

export interface AgentRunsDeps {
  readonly project: RunsProject;
  readonly record: SessionRecord;
  readonly history: SessionHistory;
  readonly wakeSignal: WakeSignal;
  /** Prevents a launch that must stop before it has a process. */
  withdraw(id: AgentId): void;
}

/** The runs of one session: of each running agent, that of its program or of the check of its work. */
export class AgentRuns {
  readonly #deps: AgentRunsDeps;
  readonly #callbacks: RunCallbacks;
  readonly #runs = new Map<AgentId, AgentRun>();
  readonly #ends: RunEnd[] = [];
  readonly #heard: DomainEvent[] = [];
  /** Requests to stop agents that had no run to stop, because one was over and the next had not begun. */
  readonly #lateStops = new Map<AgentId, StopCause>();

  constructor(deps: AgentRunsDeps) {
    this.#deps = deps;
    const { project, record, wakeSignal } = deps;
    const { settings } = project;
    this.#callbacks = {
      clock: project.clock,
      graceMs: settings.stopGraceMs,
      maxOutputBytes: settings.limits.maxOutputBytes,
      afterResultMs: settings.limits.afterResultMs,
      refusedMs: settings.quota.refusedMs,
      maxSubagents: settings.limits.maxSubagents,
      isOwner: () => record.isOwner(),
      withdraw: (run) => deps.withdraw(run.agent.id),
      ended: (end) => {
        this.#ends.push(end);
        wakeSignal.notify();
      },
      news: ({ agent }, news) => {
        this.#heard.push(newsEvent(agent, news, project.clock.now()));
        wakeSignal.notify();
      },
      changed: () => wakeSignal.notify(),
      trouble: (message, error) =>
        project.log.log('error', message, { session: record.workflow.session.id, error }),
    };
  }

  get all(): ReadonlyMap<AgentId, AgentRun> {
    return this.#runs;
  }

  /** The runs that have ended since the last call. */
  takeEnds(): readonly RunEnd[] {
    return this.#ends.splice(0);
  }

  /** What other machines have told since the last call. */
  takeHeard(): readonly DomainEvent[] {
    return this.#heard.splice(0);
  }

  ofProgram(agent: Agent): { readonly run: AgentRun; readonly backend: Backend } {
    const { project, history } = this.#deps;
    const backend = project.backends.get(agent.backend);
    const run = new AgentRun(agent, backend, this.#callbacks, history.suspendedTime(agent.id));
    return { run: this.#add(run), backend };
  }

  /** @param check its number */
  ofCheck(agent: Agent, check: number): AgentRun {
    const { project, history } = this.#deps;
    const checked = checkAgent(agent, project.clock.now());
    const suspended = history.suspendedTime(agent.id);
    return this.#add(new AgentRun(checked, project.backends.ofCommands, this.#callbacks, suspended, check));
  }

  /** Safe to repeat. An agent between two runs is stopped when the next one begins. */
  stop(id: AgentId, cause: StopCause): void {
    const run = this.#runs.get(id);
    if (run !== undefined && !run.isOver) run.stop(cause);
    else if (!this.#lateStops.has(id)) {
      this.#lateStops.set(id, cause);
      this.#deps.wakeSignal.notify();
    }
  }

  /** Whether somebody waits for the end of an agent that has no run to stop. */
  lateStop(id: AgentId): StopCause | null {
    return this.#lateStops.get(id) ?? null;
  }

  /** The run is over, and the agent goes on. */
  remove(id: AgentId): void {
    this.#runs.delete(id);
  }

  /** The agent has ended. */
  forget(id: AgentId): void {
    this.#runs.delete(id);
    this.#lateStops.delete(id);
  }

  #add(run: AgentRun): AgentRun {
    const { id } = run.agent;
    this.#runs.set(id, run);
    return run;
  }

  /** Call when a new run is ready to be withdrawn. */
  stopIfLate(run: AgentRun): void {
    const cause = this.#lateStops.get(run.agent.id);
    if (cause !== undefined) run.stop(cause);
  }
}

function newsEvent(agent: Agent, news: HostNews, at: string): DomainEvent {
  const { name, attempt } = agent;
  switch (news.type) {
    case 'unreachable':
      return agentEvent('agent.unreachable', agent, at, { name, reason: news.reason });
    case 'reached':
      return agentEvent('agent.reached', agent, at, { name });
    case 'waiting':
      return agentEvent('agent.waiting', agent, at, { name, cause: 'placement', reason: news.reason });
    case 'late':
      return agentEvent('agent.reported_late', agent, at, {
        name,
        attempt,
        fact: news.fact,
        said: news.said,
      });
  }
}
