import type { Agent } from '../../domain/agent.ts';
import { agentEvent, type DomainEvent, type EventData } from '../../domain/events.ts';
import type { AgentHost, RunningAgent } from '../ports/agent-host.ts';
import type { Clock } from '../ports/clock.ts';
import type { Log } from '../ports/log.ts';
import type { AgentRun } from './agent-run.ts';
import type { SessionRecord } from './session-record.ts';
import type { WakeSignal } from './wake-signal.ts';

export interface AdopterDeps {
  readonly host: Pick<AgentHost, 'attach'>;
  readonly clock: Clock;
  readonly log: Log;
  readonly record: SessionRecord;
  readonly wakeSignal: WakeSignal;
}

/** How often to try adopting an agent before the session's runner restarts: for a minute, or for some seconds. */
const manyTries = 120;
const fewTries = 6;

/** Attaches to agents that this or another owner started earlier. */
export class AgentAdopter {
  readonly #deps: AdopterDeps;
  readonly #findings: DomainEvent[] = [];
  #unreachable: unknown = null;

  constructor(deps: AdopterDeps) {
    this.#deps = deps;
  }

  /**
   * The findings since the last call about agents that cannot be adopted.
   * @throws the error that keeps an agent from being adopted, after too many tries
   */
  takeFindings(): readonly DomainEvent[] {
    if (this.#unreachable !== null) throw this.#unreachable;
    return this.#findings.splice(0);
  }

  /**
   * Retries until it succeeds. After too many failures the session cannot continue: the agent may live, and treating it
   * as lost could run it twice.
   * @returns null when the session has another owner now
   */
  async attach(run: AgentRun): Promise<RunningAgent | null> {
    const { host, record, wakeSignal } = this.#deps;
    const { agent } = run;
    let reported: string | null = null;
    for (let tries = 1; !record.left; tries++) {
      try {
        const running = await host.attach(run.key, agent, run);
        if (record.left) return null;
        this.#report(agent, running, reported !== null);
        return running;
      } catch (error) {
        if (record.left) return null;
        const { sessionId } = agent;
        const message = `agent ${agent.id} could not be adopted, retrying`;
        this.#deps.log.log('error', message, { session: sessionId, error });
        const reason = error instanceof Error ? error.message : String(error);
        if (reason !== reported) this.#tell('agent.unreachable', { name: agent.name, reason }, agent);
        reported = reason;
        // A request to stop this agent waits until it is adopted.
        if (tries >= (run.isStopping ? fewTries : manyTries)) this.#unreachable = error;
        if (this.#unreachable !== null) wakeSignal.notify();
        await record.pause();
      }
    }
    return null;
  }

  #report(agent: Agent, { unreachable, note }: RunningAgent, wasUnreachable: boolean): void {
    const { name } = agent;
    if (unreachable !== undefined) this.#tell('agent.unreachable', { name, reason: unreachable }, agent);
    else if (note !== undefined) this.#tell('agent.reached', { name, note }, agent);
    else if (wasUnreachable) this.#tell('agent.reached', { name }, agent);
  }

  #tell<T extends 'agent.unreachable' | 'agent.reached'>(type: T, data: EventData[T], agent: Agent): void {
    this.#findings.push(agentEvent(type, agent, this.#deps.clock.now(), data));
    this.#deps.wakeSignal.notify();
  }
}
