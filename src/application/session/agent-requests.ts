import { type Agent, isStartable } from '../../domain/agent.ts';
import { cancelAgent } from '../../domain/cancel.ts';
import { isMaosError } from '../../domain/errors.ts';
import { agentEvent } from '../../domain/events.ts';
import type { AgentId } from '../../domain/ids.ts';
import { resumeSession } from '../../domain/quota.ts';
import { retryWorkflow } from '../../domain/retry.ts';
import type { SessionAction } from '../../domain/session.ts';
import { agentOf, type Change } from '../../domain/workflow.ts';
import type { SessionRequest } from '../ports/ownership.ts';
import type { AgentStopper } from './agent-stopper.ts';
import type { SessionRecord } from './session-record.ts';
import type { SessionTime } from './session-time.ts';

/** Carries out requests to single agents: cancel, retry. */
export class AgentRequests {
  readonly #record: SessionRecord;
  readonly #time: SessionTime;
  readonly #stopper: AgentStopper;

  constructor(record: SessionRecord, time: SessionTime, stopper: AgentStopper) {
    this.#record = record;
    this.#time = time;
    this.#stopper = stopper;
  }

  async handle(requests: readonly SessionRequest[]): Promise<void> {
    for (const { agentId, desired, reason } of requests) {
      if (agentId !== null && desired === 'cancelled') await this.#cancel(agentId, reason);
    }
    await this.#retryAll(
      requests.flatMap(({ agentId, desired }) =>
        agentId !== null && desired === 'pending' ? [agentId] : [],
      ),
    );
  }

  async #cancel(id: AgentId, reason: string): Promise<void> {
    const { workflow } = this.#record;
    const agent = agentOf(workflow, id);
    if (agent.state === 'running') await this.#stopper.stop([agent], { kind: 'cancelled', reason });
    else if (isStartable(agent.state)) {
      await this.#record.commit(cancelAgent(workflow, id, reason, this.#time.now()));
    }
  }

  async #retryAll(ids: readonly AgentId[]): Promise<void> {
    const { agents } = this.#record.workflow;
    const ended = agents.filter(({ state }) => state === 'failed' || state === 'cancelled');
    // Retried together, because individually each could be blocked by an agent that is not reset yet.
    const isWhole = ended.length > 0 && ended.every(({ id }) => ids.includes(id));
    if (isWhole && (await this.#retry(null)) === null) return;
    for (const id of ids) {
      const agent = agentOf(this.#record.workflow, id);
      // Already reset, together with an agent that it depends on.
      if (agent.state === 'pending') continue;
      const reason = await this.#retry(id);
      if (reason !== null) await this.#refuse('retry', agent, reason);
    }
  }

  /** @returns why it is not possible; null when it is done */
  async #retry(id: AgentId | null): Promise<string | null> {
    const { workflow } = this.#record;
    let change: Change;
    try {
      const at = this.#time.now();
      const isPaused = workflow.session.state === 'paused';
      const resumed = isPaused ? resumeSession(workflow, at) : { next: workflow, events: [] };
      const { next, events } = retryWorkflow(resumed.next, id, at);
      change = { next, events: [...resumed.events, ...events] };
    } catch (error) {
      if (!isMaosError(error, 'INVALID_TRANSITION')) throw error;
      return error.message;
    }
    await this.#time.commit(() => change);
    return null;
  }

  /** Informs the requesting process that the request was possible when it was made, but no longer is. */
  async #refuse(action: SessionAction, agent: Agent, reason: string): Promise<void> {
    const data = { action, agent: agent.name, reason };
    const event = agentEvent('session.request_refused', agent, this.#time.now(), data);
    await this.#record.commit({ next: this.#record.workflow, events: [event] });
  }
}
