import { landingReport } from '../../../application/landing/landing-report.ts';
import type { Project } from '../../../application/project.ts';
import type { RecordedEvent } from '../../../domain/events.ts';
import type { SessionId } from '../../../domain/ids.ts';
import { AgentActivities } from '../run/agent-activities.ts';
import type { SessionView } from './state.ts';

const maxEvents = 1_000;
const pageSize = 500;
const maxMessages = 100;
const maxRequests = 100;

/** What is stored of one session, read again only when something has happened in it. */
export class SessionSource {
  readonly id: SessionId;
  readonly project: Project;
  readonly #activities = new AgentActivities();
  #events: readonly RecordedEvent[] = [];
  #seq: number | null = null;

  constructor(project: Project, id: SessionId) {
    this.project = project;
    this.id = id;
  }

  /** Null if nothing has happened since the last call. */
  read(): SessionView | null {
    const { store } = this.project;
    const newest = store.lastSeq(this.id);
    if (newest === this.#seq) return null;
    let last = this.#seq ?? Math.max(0, newest - maxEvents);
    for (;;) {
      const page = store.events(this.id, last, pageSize);
      this.#activities.take(page);
      this.#events = [...this.#events, ...page].slice(-maxEvents);
      last = page.at(-1)?.seq ?? last;
      if (page.length < pageSize) break;
    }
    this.#seq = last;
    return {
      workflow: store.load(this.id),
      activities: new Map(this.#activities.texts),
      asks: this.#activities.asks,
      events: this.#events,
      messages: store.messages.list({ sessionId: this.id, limit: maxMessages }),
      requests: this.#requests(),
      landed: landingReport(store, this.id),
    };
  }

  #requests(): SessionView['requests'] {
    const found = this.project.store.inputRequests.list({ sessionId: this.id, limit: maxRequests });
    const isOpen = ({ state }: (typeof found)[number]): boolean => state === 'open';
    return [...found.filter(isOpen).toReversed(), ...found.filter((request) => !isOpen(request))];
  }
}
