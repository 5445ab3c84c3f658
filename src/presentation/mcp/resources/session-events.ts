import { eventView } from '../../contracts/views.ts';
import { expandUri, type Resource } from '../resource.ts';
import { locateSession } from '../sessions.ts';
import {
  completeSession,
  followSessionEvents,
  json,
  lastModified,
  listedSessions,
} from './sessions-named.ts';

const uri = 'maos://sessions/{session_id}/events';

const mostShown = 200;

/** What happened in a session. */
export const sessionEventsResource: Resource = {
  uri,
  name: 'session-events',
  title: 'Events of a session',
  description: `The last ${mostShown} events of a session, oldest first; 'omitted' says how many came before.`,
  mimeType: 'application/json',
  async list(context) {
    return (await listedSessions(context)).map(({ summary, about }) => ({
      uri: expandUri({ uri }, { session_id: summary.session.id }),
      name: `${summary.session.id} events`,
      title: `Events: ${about}`,
      mimeType: 'application/json',
      annotations: { lastModified: lastModified(summary) },
    }));
  },
  async read({ session_id = '' }, asked, context) {
    const { project, id } = await locateSession(context, session_id);
    const { store } = project;
    const omitted = Math.max(0, store.lastSeq(id) - mostShown);
    const events = store.events(id, omitted, mostShown).map(eventView);
    return json(asked, { session_id: id, omitted, events });
  },
  complete: (_, typed, __, context) => completeSession(typed, context),
  async follow({ session_id = '' }, changed, context) {
    const { project, id } = await locateSession(context, session_id);
    return followSessionEvents(project, id, changed);
  },
};
