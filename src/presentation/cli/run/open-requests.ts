import type { DomainEvent } from '../../../domain/events.ts';

type Opened = Extract<DomainEvent, { type: 'request.opened' }>['data'];
type Closed = Extract<DomainEvent, { type: 'request.answered' | 'request.expired' | 'request.withdrawn' }>;

export function isRequestClosed<E extends DomainEvent>(event: E): event is E & Closed {
  return ['request.answered', 'request.expired', 'request.withdrawn'].includes(event.type);
}

/** The requests that events have opened and not closed. */
export class OpenRequests {
  readonly #texts = new Map<string, Map<string, string>>();

  open(agentId: string, { id, tool, action }: Opened): void {
    const ofAgent = this.#texts.get(agentId) ?? new Map<string, string>();
    this.#texts.set(agentId, ofAgent.set(id, tool === null ? action : `${tool}: ${action}`));
  }

  close(agentId: string, id: string): void {
    const ofAgent = this.#texts.get(agentId);
    ofAgent?.delete(id);
    if (ofAgent?.size === 0) this.#texts.delete(agentId);
  }

  /** The newest request of each agent that has any, by agent id. */
  newest(): ReadonlyMap<string, string> {
    return new Map(
      [...this.#texts].map(([agentId, ofAgent]) => [agentId, [...ofAgent.values()].at(-1) ?? '']),
    );
  }
}
