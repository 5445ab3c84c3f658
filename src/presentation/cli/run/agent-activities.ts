import type { RecordedEvent } from '../../../domain/events.ts';
import { milestoneText } from '../../../domain/milestone.ts';
import { waitText } from '../../../domain/waiting.ts';
import { describeEvent } from '../../contracts/event-lines.ts';
import { isRequestClosed, OpenRequests } from './open-requests.ts';

/** What each agent does now, as its events tell. */
export class AgentActivities {
  readonly #texts = new Map<string, string>();
  readonly #asks = new OpenRequests();
  /** Each agent's latest report, shown before its activity until the next one. */
  readonly #reports = new Map<string, string>();

  /** By agent id: its last reported activity, or why it waits. */
  get texts(): ReadonlyMap<string, string> {
    return this.#texts;
  }

  /** By agent id: the newest request that is open. */
  get asks(): ReadonlyMap<string, string> {
    return this.#asks.newest();
  }

  take(events: readonly RecordedEvent[]): void {
    for (const event of events) {
      if (event.agentId === null) continue;
      if (event.type === 'agent.progressed' && event.data.activity !== '') {
        this.#show(event.agentId, event.data.activity);
      } else if (event.type === 'agent.reported') {
        this.#reports.set(event.agentId, milestoneText(event.data));
        this.#show(event.agentId, '');
      } else if (event.type === 'agent.waiting') {
        this.#texts.set(event.agentId, waitText(event.data));
      } else if (event.type === 'request.opened') {
        this.#asks.open(event.agentId, event.data);
      } else if (isRequestClosed(event)) {
        this.#asks.close(event.agentId, event.data.id);
        // What was allowed is its activity already.
        const isAllowed = event.type === 'request.answered' && event.data.decision === 'allow';
        if (!isAllowed) this.#texts.set(event.agentId, describeEvent(event));
      } else if (event.type === 'agent.started' || event.type === 'agent.retried') {
        this.#texts.delete(event.agentId);
        this.#reports.delete(event.agentId);
      }
    }
  }

  #show(agentId: string, activity: string): void {
    const parts = [this.#reports.get(agentId) ?? '', activity];
    this.#texts.set(agentId, parts.filter((part) => part !== '').join(' · '));
  }
}
