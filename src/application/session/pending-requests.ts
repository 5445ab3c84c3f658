import type { AgentId } from '../../domain/ids.ts';
import type { SessionRequest } from '../ports/ownership.ts';

/** What is asked of a session and not done yet. The last request holds, but a cancellation stands. */
export class PendingRequests {
  cancel: string | null = null;
  interrupt: string | null = null;
  pause: string | null = null;
  resume = false;
  readonly #agents = new Map<AgentId, SessionRequest>();

  /** @param requests all that the store has now: what is missing was done, or taken back */
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

  /** What is asked of agents; each is handed out once, and again when the store still asks for it. */
  takeAgents(): readonly SessionRequest[] {
    const requests = [...this.#agents.values()];
    this.#agents.clear();
    return requests;
  }
}
