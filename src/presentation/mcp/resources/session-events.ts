import { eventView } from '../../contracts/views.ts';
import { locateSession } from '../../project-access.ts';
import type { Resource } from '../server/resource.ts';
import { json, ofEachSession } from './sessions-named.ts';

const uri = 'maos://sessions/{session_id}/events';

const mostShown = 200;

export const sessionEventsResource: Resource = {
  uri,
  name: 'session-events',
  title: 'Events of a session',
  description: `The last ${mostShown} events of a session, oldest first; 'omitted' says how many came before.`,
  mimeType: 'application/json',
  ...ofEachSession(uri, 'Events'),
  async read({ session_id = '' }, asked, context) {
    const { project, id } = await locateSession(context, session_id);
    const { store } = project;
    const omitted = Math.max(0, store.lastSeq(id) - mostShown);
    const events = store.events(id, omitted, mostShown).map(eventView);
    return json(asked, { session_id: id, omitted, events });
  },
};
