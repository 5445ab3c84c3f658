import { Hono } from 'hono';
import type { HttpDeps } from '../server/deps.ts';
import { agentsRoutes } from './agents-routes.ts';
import { answerError, notFound } from './errors.ts';
import { makeRoleRuns } from './role-runs.ts';
import type { RunSource } from './run-source.ts';
import { runsRoutes } from './runs-routes.ts';
import { sessionsRoutes } from './sessions-routes.ts';

/** Where the protocol is mounted. */
export const acpPath = '/acp';

/** The Agent Communication Protocol. @param source default: MAOS's roles */
export function acpRoutes(
  deps: HttpDeps,
  source: RunSource = makeRoleRuns(deps.runtime, deps.projectPath),
): Hono {
  const app = new Hono();
  app.onError((error, context) => answerError(deps, error, context));
  app.get('/ping', (context) => context.json({}));
  app.route('/', agentsRoutes(source));
  app.route('/', runsRoutes(deps, source));
  app.route('/', sessionsRoutes(source));
  app.all('*', (context) => {
    throw notFound(`There is nothing at ${context.req.method} ${context.req.path}.`);
  });
  return app;
}
