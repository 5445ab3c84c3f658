import type { Agent } from '../../domain/agent.ts';
import type { AgentId } from '../../domain/ids.ts';
import type { WaitCause } from '../../domain/waiting.ts';
import type { RunningAgent } from '../ports/agent-host.ts';
import type { Project } from '../project.ts';
import type { Admission } from './admission.ts';
import type { SessionTroubles } from './session-troubles.ts';
import type { WakeSignal } from './wake-signal.ts';

/** Time between two looks at a limit that other processes may have relaxed. */
const retryMs = 250;
const noLimit = Number.MAX_SAFE_INTEGER;

/** The slots of one session's agents on this machine. Trouble with them delays a start, and never ends a session. */
export class SlotManager {
  readonly #project: Project;
  readonly #wakeSignal: WakeSignal;
  readonly #troubles: SessionTroubles;
  /** Updates that did not come about yet. */
  readonly #failing = new Set<string>();

  constructor(project: Project, wakeSignal: WakeSignal, troubles: SessionTroubles) {
    this.#project = project;
    this.#wakeSignal = wakeSignal;
    this.#troubles = troubles;
  }

  /**
   * Takes slots for agents as far as the machine's limit allows, in order: one that came first must not wait while
   * others overtake it. When some have to wait, the alarm rings as soon as another try is worth it.
   */
  take(agents: readonly Agent[]): Admission {
    for (const [index, agent] of agents.entries()) {
      const why = this.#take(agent);
      if (why === null) continue;
      this.#wakeSignal.schedule('slot', retryMs);
      return { start: agents.slice(0, index), wait: agents.slice(index), why };
    }
    return { start: agents, wait: [], why: null };
  }

  #take(agent: Agent): WaitCause | null {
    const { settings, host } = this.#project;
    const limit = settings.maxConcurrentAgents.machine;
    try {
      return host.capacity.slots.tryTake(agent.id, agent.sessionId, limit)
        ? null
        : { cause: 'machine_limit', limit };
    } catch (error) {
      return { cause: 'machine_unknown', error: error instanceof Error ? error.message : String(error) };
    }
  }

  /** From now on the slot lasts as long as the agent does, and not only as long as its MAOS. */
  bind(agent: Agent, running: RunningAgent): void {
    this.#do('bind', agent.id, () => this.#project.host.capacity.slots.bind(agent.id, running.location));
  }

  /** An agent started by another MAOS runs whatever the limit says, and counts. */
  adopt(agent: Agent, running: RunningAgent): void {
    this.#do('adopt', agent.id, () => {
      this.#project.host.capacity.slots.tryTake(agent.id, agent.sessionId, noLimit);
      this.#project.host.capacity.slots.bind(agent.id, running.location);
    });
  }

  give(id: AgentId): void {
    this.#do('give', id, () => this.#project.host.capacity.slots.give(id));
  }

  /** Tried again until it comes about, something else is to be done with the slot, or the session ends. */
  #do(what: 'bind' | 'adopt' | 'give', agent: AgentId, action: () => void): void {
    const again = `slot of ${agent}`;
    try {
      this.#wakeSignal.cancel(again);
      action();
      this.#failing.delete(again);
      if (this.#failing.size === 0) this.#troubles.works('slots');
    } catch (error) {
      this.#troubles.failed('slots', error);
      if (!this.#failing.has(again))
        this.#project.log.log('warn', 'slot not updated, retrying', { agent, what, error });
      this.#failing.add(again);
      this.#wakeSignal.schedule(again, retryMs, () => this.#do(what, agent, action));
    }
  }
}
