import type { SessionReader } from '../../../application/ports/session-reader.ts';
import { summaryView } from '../../contracts/views.ts';
import type { Resource } from '../server/resource.ts';
import { followValue, json } from './sessions-named.ts';

/** The tool list-sessions returns the rest. */
const mostShown = 50;

export const sessionsResource: Resource = {
  uri: 'maos://sessions',
  name: 'sessions',
  title: 'Sessions of this project',
  description: `The newest ${mostShown} sessions with state, progress and usage; the tool list-sessions lists all.`,
  mimeType: 'application/json',
  async read(_, uri, context) {
    const open = await context.findProject();
    return json(uri, open === null ? { sessions: [], more: false } : newest(open.project));
  },
  async follow(_, changed, context) {
    const { project } = await context.openProject();
    return followValue(project, () => JSON.stringify(newest(project)), changed);
  },
};

function newest({ store }: { readonly store: SessionReader }) {
  const found = store.list({ limit: mostShown + 1 });
  return {
    sessions: found.slice(0, mostShown).map((summary) => summaryView(summary, 0)),
    more: found.length > mostShown,
  };
}
