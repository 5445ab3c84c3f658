import type { Context, Handler } from 'hono';
import { isMaosError } from '../../../domain/errors.ts';
import type { SessionId } from '../../../domain/ids.ts';
import { parseInput } from '../../contracts/parse-input.ts';
import type { HttpDeps } from '../server/deps.ts';
import type { HttpEnv } from '../server/endpoints.ts';
import { eventsQuerySchema } from './event-schemas.ts';
import type { EventStreams } from './event-streams.ts';

const headers = {
  'Content-Type': 'text/event-stream',
  'Cache-Control': 'no-store',
  // Proxies hold back what they take for a page.
  'X-Accel-Buffering': 'no',
};

/**
 * `GET /events`: what happens in the project, or in one session (`?session=`), as server-sent events. `id` is a
 * position to go on from (`Last-Event-ID`), `event` the type, `data` the event as everywhere. Without a position it
 * begins with the event `snapshot`, and goes on from exactly there.
 */
export function eventsHandler(deps: HttpDeps, streams: EventStreams): Handler<HttpEnv> {
  return async (context) => {
    // The client would never read the stream.
    if (context.req.method === 'HEAD') return context.body(null, 200, headers);
    try {
      const { session } = parseInput(eventsQuerySchema, context.req.query(), 'query');
      const of = (session ?? null) as SessionId | null;
      const { project } = await deps.runtime.openProject(deps.projectPath);
      if (streams.isFull) return refuseFull(context);
      const lastSeen = context.req.header('Last-Event-ID') || null;
      const { outgoing } = context.env;
      return context.body(
        streams.follow(project, of, lastSeen, () => outgoing.destroy()),
        200,
        headers,
      );
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

function refuseFull(context: Context): Response {
  context.header('Retry-After', '5');
  const message = 'The limit of open event streams is reached: close one, or wait as given in Retry-After.';
  return context.json({ code: 'RESOURCE_LIMIT_EXCEEDED', message }, 503);
}
