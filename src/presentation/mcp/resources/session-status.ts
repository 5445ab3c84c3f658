import { liveStatusOf } from '../../../application/queries/live-status.ts';
import { workflowView } from '../../contracts/views.ts';
import { locateSession, nextStep, summarize, summaryOf } from '../answers/sessions.ts';
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
    const { store, files, clock } = project;
    const workflow = store.load(id);
    const summary = summaryOf(workflow);
    return json(asked, {
      summary: summarize(summary),
      next: nextStep(summary),
      ...workflowView(workflow, liveStatusOf(store, workflow, Date.parse(clock.now()))),
      folder: files.describe(id),
      artifacts: store.artifacts(id).map(({ path, sizeBytes }) => ({ path, size_bytes: sizeBytes })),
    });
  },
};
