import { type Context, Hono } from 'hono';
import type { HttpDeps } from '../server/deps.ts';
import { type Endpoints, endpoints, type HttpEnv } from '../server/endpoints.ts';
import { agentsHandlers } from './agents-routes.ts';
import { answerError, notFound } from './errors.ts';
import { acpOperations } from './operations.ts';
import { makeRoleRuns } from './role-runs.ts';
import type { RunSource } from './run-source.ts';
import { runsHandlers } from './runs-routes.ts';
import { sessionsHandlers } from './sessions-routes.ts';

/** Endpoints of the Agent Communication Protocol. @param source default: MAOS's roles */
export function acpEndpoints(
  deps: HttpDeps,
  source: RunSource = makeRoleRuns(deps.runtime, deps.projectPath),
): Endpoints {
  const app = new Hono<HttpEnv>();
  app.onError((error, context) => answerError(deps, error, context));
  const handlers = {
    ping: (context: Context) => context.json({}),
    ...agentsHandlers(source),
    ...runsHandlers(deps, source),
    ...sessionsHandlers(source),
  };
  const made = endpoints(acpOperations, handlers, app);
  app.all('/acp/*', (context) => {
    throw notFound(`There is nothing at ${context.req.method} ${context.req.path}.`);
  });
  return made;
}
