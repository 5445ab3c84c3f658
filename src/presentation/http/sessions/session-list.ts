import type * as z from 'zod';
import { sessionRanMs } from '../../../application/queries/live-status.ts';
import type { Runtime, UnreadProject } from '../../../application/runtime.ts';
import { MaosError, quote } from '../../../domain/errors.ts';
import type { SessionId } from '../../../domain/ids.ts';
import { summaryView } from '../../contracts/views.ts';
import { eachProject } from '../server/each-project.ts';
import { defaultSessions, type sessionsQuerySchema } from './session-schemas.ts';

/**
 * A page of the sessions of all projects.
 * @param own path of the server's project, which is known also before its first session
 * @throws MaosError INVALID_INPUT with `details.problem: 'not_found'` for a project that is not there
 */
export async function listSessions(
  runtime: Runtime,
  query: z.infer<typeof sessionsQuerySchema>,
  own: string,
) {
  const { state, project: only, q, cursor } = query;
  const limit = Number(query.limit ?? defaultSessions);
  const search = {
    ...(state === undefined ? {} : { state }),
    ...(q === undefined ? {} : { text: q }),
    ...(cursor === undefined ? {} : { before: cursor as SessionId }),
    limit: limit + 1,
  };
  let isKnown = only === undefined || only === own;
  const noteUnread = ({ path }: UnreadProject): void => {
    isKnown ||= path === only;
  };
  const found = await eachProject(
    runtime,
    (project) => {
      if (only !== undefined && project.path !== only) return [];
      isKnown = true;
      return project.store.search(search).map((summary) => ({ project, summary }));
    },
    noteUnread,
  );
  if (!isKnown) {
    throw new MaosError('INVALID_INPUT', `There is no project ${quote(only)}. /api/overview lists them.`, {
      details: { problem: 'not_found', project: only },
    });
  }
  const page = found
    .flat()
    .sort((a, b) => (a.summary.session.id < b.summary.session.id ? 1 : -1))
    .slice(0, limit);
  const sessions = page.map(({ project: { store, clock, path }, summary }) => ({
    ...summaryView(summary, sessionRanMs(store, summary.session, Date.parse(clock.now()))),
    project: path,
  }));
  const next = found.flat().length > limit ? (sessions.at(-1)?.session_id ?? null) : null;
  return { sessions, next };
}
