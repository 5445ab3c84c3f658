import type { Context, Handler } from 'hono';
import { isMaosError, MaosError } from '../../../domain/errors.ts';
import type { SessionId } from '../../../domain/ids.ts';
import { parseInput } from '../../contracts/parse-input.ts';
import type { HttpDeps } from '../server/deps.ts';
import type { HttpEnv } from '../server/endpoints.ts';
import { eventsQuerySchema } from './event-schemas.ts';
import type { EventStreams } from './event-streams.ts';

const headers = {
  'Content-Type': 'text/event-stream',
  'Cache-Control': 'no-store',
  // Proxies may buffer a response that they take for a page.
  'X-Accel-Buffering': 'no',
};

/**
 * `GET /events`: events of the project, of one session (`?session=`) or of all projects (`?all=true`), as server-sent
 * events. `id` is a position to
 * continue from (`Last-Event-ID`), `event` the type, `data` the event in its usual form. Without a position, the stream
 * begins with an event `snapshot` and continues exactly from there.
 */
export function eventsHandler(deps: HttpDeps, streams: EventStreams): Handler<HttpEnv> {
  return async (context) => {
    // A HEAD request would leave the stream open and unread.
    if (context.req.method === 'HEAD') return context.body(null, 200, headers);
    try {
      const { session, all } = parseInput(eventsQuerySchema, context.req.query(), 'query');
      if (session !== undefined && all === 'true') throw eitherOne();
      const of = (session ?? null) as SessionId | null;
      const { project } = await deps.runtime.openProject(deps.projectPath);
      if (all === 'true') await streams.projects.look();
      if (streams.isFull) return refuseFull(context);
      const lastSeen = context.req.header('Last-Event-ID') || null;
      const { outgoing } = context.env;
      const cut = () => outgoing.destroy();
      const body =
        all === 'true'
          ? streams.followAll(project.clock, lastSeen, cut)
          : streams.follow(project, of, lastSeen, cut);
      return context.body(body, 200, headers);
    } catch (error) {
      if (isMaosError(error, 'INVALID_INPUT')) {
        return context.json({ code: error.code, message: error.message }, 400);
      }
      if (isMaosError(error, 'SESSION_NOT_FOUND')) {
        return context.json({ code: error.code, message: error.message }, 404);
      }
      throw error;
    }
  };
}

function eitherOne(): MaosError {
  return new MaosError('INVALID_INPUT', "query: give 'session' or 'all=true', not both.");
}

function refuseFull(context: Context): Response {
  context.header('Retry-After', '5');
  const message = 'The limit of open event streams is reached: close one, or wait as given in Retry-After.';
  return context.json({ code: 'RESOURCE_LIMIT_EXCEEDED', message }, 503);
}
