import { standingOf } from '../../contracts/standing.ts';
import { workflowView } from '../../contracts/views.ts';
import { expandUri, type Resource } from '../resource.ts';
import { locateSession, nextStep, summarize } from '../sessions.ts';
import {
  completeSession,
  followSessionEvents,
  json,
  lastModified,
  listedSessions,
} from './sessions-named.ts';

const uri = 'maos://sessions/{session_id}/status';

/** How a session stands, in full. */
export const sessionStatusResource: Resource = {
  uri,
  name: 'session-status',
  title: 'State of a session',
  description:
    "State, progress, agents, usage, cost and files of a session; its id, a part of it, or 'latest'.",
  mimeType: 'application/json',
  async list(context) {
    return (await listedSessions(context)).map(({ summary, about }) => ({
      uri: expandUri({ uri }, { session_id: summary.session.id }),
      name: `${summary.session.id} status`,
      title: `Status: ${about}`,
      mimeType: 'application/json',
      annotations: { lastModified: lastModified(summary) },
    }));
  },
  async read({ session_id = '' }, asked, context) {
    const { project, id } = await locateSession(context, session_id);
    const { store, files, clock } = project;
    const workflow = store.load(id);
    const summary = store.summary(id);
    return json(asked, {
      summary: summarize(summary),
      next: nextStep(summary),
      ...workflowView(workflow, standingOf(store, workflow, Date.parse(clock.now()))),
      folder: files.describe(id),
      artifacts: store.artifacts(id).map(({ path, sizeBytes }) => ({ path, size_bytes: sizeBytes })),
    });
  },
  complete: (_, typed, __, context) => completeSession(typed, context),
  async follow({ session_id = '' }, changed, context) {
    const { project, id } = await locateSession(context, session_id);
    return followSessionEvents(project, id, changed);
  },
};
