import type { AgentId } from '../../domain/ids.ts';
import type { SessionRequest } from '../ports/ownership.ts';

/** What somebody wants of a session that has not come about yet. What was asked last holds, but a cancellation stands. */
export class PendingRequests {
  cancel: string | null = null;
  interrupt: string | null = null;
  pause: string | null = null;
  resume = false;
  readonly #agents = new Map<AgentId, SessionRequest>();

  /** Takes what stands in the store now: what is not there any more has come about, or was taken back. */
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
