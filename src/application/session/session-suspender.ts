import type { Agent } from '../../domain/agent.ts';
import { agentEvent } from '../../domain/events.ts';
import type { AgentId } from '../../domain/ids.ts';
import type { TeamRequest } from '../ports/teams.ts';
import type { Project } from '../project.ts';
import type { AgentRun } from './agent-run.ts';
import type { SessionHistory } from './session-history.ts';
import type { SessionRecord } from './session-record.ts';
import { parentReason } from './teams.ts';

/** The parts of the project that suspending agents needs. */
export type SuspenderProject = Pick<Project, 'clock' | 'teams'>;

/**
 * Suspends and resumes the agents of one session. An agent is recorded as suspended before its processes are, and as
 * continued after they are, so that after a crash the record names every agent that may be suspended.
 */
export class SessionSuspender {
  readonly #record: SessionRecord;
  readonly #runs: ReadonlyMap<AgentId, AgentRun>;
  readonly #project: SuspenderProject;
  #suspended = new Set<AgentId>();
  /** The last reported reasons why agents do not continue. */
  readonly #told = new Map<AgentId, string>();

  constructor(record: SessionRecord, runs: ReadonlyMap<AgentId, AgentRun>, project: SuspenderProject) {
    this.#record = record;
    this.#runs = runs;
    this.#project = project;
  }

  /** Restores the state of the previous owner. */
  recall(history: SessionHistory): void {
    const running = new Set(this.#record.running.map(({ id }) => id));
    this.#suspended = new Set(history.suspended.filter((id) => running.has(id)));
  }

  forget(id: AgentId): void {
    this.#suspended.delete(id);
    this.#told.delete(id);
  }

  async suspend(agents: readonly Agent[]): Promise<void> {
    const fresh = agents.filter(({ id }) => !this.#suspended.has(id));
    await this.#askTeams(fresh, 'paused', 'is suspended');
    await this.#say('agent.suspended', fresh);
    for (const { id } of agents) {
      this.#suspended.add(id);
      this.#runs.get(id)?.suspend();
    }
  }

  /** Whether every running agent is suspended. */
  get isComplete(): boolean {
    return this.#record.running.every(({ id }) => this.#runs.get(id)?.suspendState === 'suspended');
  }

  /** Why not all of them can be suspended; null while they may. */
  get trouble(): string | null {
    const troubles = this.#record.running.map(({ id, name }) => {
      const trouble = this.#runs.get(id)?.suspendTrouble ?? null;
      return trouble === null ? null : `${name}: ${trouble}`;
    });
    return troubles.find((trouble) => trouble !== null) ?? null;
  }

  /** Resumes all agents; call it again until they run. */
  async resume(): Promise<void> {
    if (this.#suspended.size === 0) return;
    for (const id of this.#suspended) this.#runs.get(id)?.resume();
    const free = this.#record.running.filter(
      ({ id }) => this.#suspended.has(id) && this.#runs.get(id)?.suspendState === 'running',
    );
    await this.#askTeams(free, 'running', 'continues');
    await this.#say('agent.continued', free);
    for (const { id } of free) this.forget(id);
    await this.#sayStuck();
  }

  /** Retries continue until the agents run or their time is over. */
  async #sayStuck(): Promise<void> {
    const at = this.#project.clock.now();
    const events = this.#record.running.flatMap((agent) => {
      const { id, name } = agent;
      const trouble = this.#suspended.has(id) ? (this.#runs.get(id)?.suspendTrouble ?? null) : null;
      if (trouble === null || this.#told.get(id) === trouble) return [];
      this.#told.set(id, trouble);
      const reason = `Its processes are suspended and did not continue: ${trouble}`;
      return [agentEvent('agent.unreachable', agent, at, { name, reason })];
    });
    if (events.length > 0) await this.#record.commit({ next: this.#record.workflow, events });
  }

  /** Before the event is stored, so that the next owner asks again after a crash. */
  async #askTeams(agents: readonly Agent[], desired: TeamRequest, what: string): Promise<void> {
    for (const { id, sessionId } of agents) {
      await this.#project.teams.ask({ sessionId, agentId: id }, desired, parentReason(id, what));
    }
  }

  async #say(type: 'agent.suspended' | 'agent.continued', agents: readonly Agent[]): Promise<void> {
    if (agents.length === 0) return;
    const at = this.#project.clock.now();
    const events = agents.map((agent) => agentEvent(type, agent, at, { name: agent.name }));
    await this.#record.commit({ next: this.#record.workflow, events });
  }
}
