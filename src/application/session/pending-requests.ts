import type { AgentId } from '../../domain/ids.ts';
import type { SessionRequest } from '../ports/ownership.ts';

/** The open requests of a session. The last request counts, but a cancellation is final. */
export class PendingRequests {
  cancel: string | null = null;
  interrupt: string | null = null;
  pause: string | null = null;
  resume = false;
  readonly #agents = new Map<AgentId, SessionRequest>();

  /** @param requests all requests in the store; missing ones were carried out or withdrawn */
  apply(requests: readonly SessionRequest[]): void {
    const asked = requests.find(({ agentId }) => agentId === null);
    if (asked?.desired === 'cancelled') this.cancel ??= asked.reason;
    if (asked?.desired === 'paused') {
      this.pause ??= asked.reason;
      this.resume = false;
    } else this.pause = null;
    if (asked?.desired === 'running') this.resume = true;
    this.#agents.clear();
    for (const request of requests) if (request.agentId !== null) this.#agents.set(request.agentId, request);
  }

  /** The requests to agents. Each is returned once, and again if the store still has it. */
  takeAgents(): readonly SessionRequest[] {
    const requests = [...this.#agents.values()];
    this.#agents.clear();
    return requests;
  }
}
