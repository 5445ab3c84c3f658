import type { Agent } from '../../domain/agent.ts';
import type { AgentId } from '../../domain/ids.ts';
import type { WaitCause } from '../../domain/waiting.ts';
import type { RunningAgent } from '../ports/agent-host.ts';
import type { AgentSlots } from '../ports/host-capacity.ts';
import type { Log } from '../ports/log.ts';
import type { Admission } from './admission.ts';
import type { SessionTroubles } from './session-troubles.ts';
import type { WakeSignal } from './wake-signal.ts';

/** Interval between checks of a limit that other processes may have released. */
const retryMs = 250;
const noLimit = Number.MAX_SAFE_INTEGER;

export interface SlotManagerDeps {
  readonly slots: AgentSlots;
  /** Maximum number of agents on the machine. */
  readonly machineLimit: number;
  readonly log: Log;
  readonly wakeSignal: WakeSignal;
  readonly troubles: SessionTroubles;
}

/** The slots of one session's agents on this machine. Errors delay a start, and never end a session. */
export class SlotManager {
  readonly #deps: SlotManagerDeps;
  /** Updates that have not succeeded yet. */
  readonly #failing = new Set<string>();

  constructor(deps: SlotManagerDeps) {
    this.#deps = deps;
  }

  /**
   * Takes slots for agents in order, as far as the machine's limit allows: none overtakes an earlier one. If some must
   * wait, the loop is woken for the next try.
   */
  take(agents: readonly Agent[]): Admission {
    for (const [index, agent] of agents.entries()) {
      const why = this.#take(agent);
      if (why === null) continue;
      this.#deps.wakeSignal.schedule('slot', retryMs);
      return { start: agents.slice(0, index), wait: agents.slice(index), why };
    }
    return { start: agents, wait: [], why: null };
  }

  #take(agent: Agent): WaitCause | null {
    if (agent.pool !== null) return null;
    const { slots, machineLimit: limit } = this.#deps;
    try {
      return slots.tryTake(agent.id, agent.sessionId, limit) ? null : { cause: 'machine_limit', limit };
    } catch (error) {
      return { cause: 'machine_unknown', error: error instanceof Error ? error.message : String(error) };
    }
  }

  /** From here on the slot lasts as long as the agent, even if its MAOS ends. */
  bind(agent: Agent, running: RunningAgent): void {
    if (agent.pool !== null) return;
    this.#do('bind', agent.id, () => this.#deps.slots.bind(agent.id, running.location));
  }

  /** An agent that another MAOS started counts as running, even beyond the limit. */
  adopt(agent: Agent, running: RunningAgent): void {
    if (agent.pool !== null) return;
    this.#do('adopt', agent.id, () => {
      this.#deps.slots.tryTake(agent.id, agent.sessionId, noLimit);
      this.#deps.slots.bind(agent.id, running.location);
    });
  }

  give(id: AgentId): void {
    this.#do('give', id, () => this.#deps.slots.give(id));
  }

  /** Retries until it succeeds, the slot gets another update, or the session ends. */
  #do(what: 'bind' | 'adopt' | 'give', agent: AgentId, action: () => void): void {
    const again = `slot of ${agent}`;
    try {
      this.#deps.wakeSignal.cancel(again);
      action();
      this.#failing.delete(again);
      if (this.#failing.size === 0) this.#deps.troubles.works('slots');
    } catch (error) {
      this.#deps.troubles.failed('slots', error);
      if (!this.#failing.has(again))
        this.#deps.log.log('warn', 'slot not updated, retrying', { agent, what, error });
      this.#failing.add(again);
      this.#deps.wakeSignal.schedule(again, retryMs, () => this.#do(what, agent, action));
    }
  }
}
