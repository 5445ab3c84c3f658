import { statusView } from '../../contracts/status-view.ts';
import { locateSession } from '../../project-access.ts';
import { nextStep, summarize, summaryOf } from '../answers/sessions.ts';
import type { Resource } from '../server/resource.ts';
import { json, ofEachSession } from './sessions-named.ts';

const uri = 'maos://sessions/{session_id}/status';

export const sessionStatusResource: Resource = {
  uri,
  name: 'session-status',
  title: 'State of a session',
  description:
    "State, progress, agents, usage, cost and files of a session; its id, a part of it, or 'latest'.",
  mimeType: 'application/json',
  ...ofEachSession(uri, 'Status'),
  async read({ session_id = '' }, asked, context) {
    const { project, id } = await locateSession(context, session_id);
    const summary = summaryOf(project.store.load(id));
    return json(asked, { summary: summarize(summary), next: nextStep(summary), ...statusView(project, id) });
  },
};
