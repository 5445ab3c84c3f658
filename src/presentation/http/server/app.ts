import { Hono } from 'hono';
import { explained } from '../../../application/system-error.ts';
import { acpEndpoints } from '../acp/acp-routes.ts';
import { messageEndpoints } from '../acp/messages-routes.ts';
import { agentEndpoints } from '../agents/agents-routes.ts';
import { EventStreams } from '../events/event-streams.ts';
import { eventsHandler } from '../events/events-routes.ts';
import { mcpRoutes } from '../mcp/mcp-routes.ts';
import { sseRoutes } from '../mcp/sse-routes.ts';
import { metricsHandler } from '../metrics/metrics-routes.ts';
import { overviewEndpoints } from '../overview/overview-routes.ts';
import { requestEndpoints } from '../requests/requests-routes.ts';
import { sessionEndpoints } from '../sessions/sessions-routes.ts';
import { startEndpoints } from '../sessions/start-routes.ts';
import { signInEndpoints } from '../sign-in/sign-in-routes.ts';
import { SignedInBrowsers } from '../sign-in/signed-in-browsers.ts';
import { isCutOff } from './cut-off.ts';
import type { HttpDeps } from './deps.ts';
import { type Endpoints, endpoints, type HttpEnv } from './endpoints.ts';
import { type GuardOptions, makeGuard } from './guard.ts';
import { type Json, openApiDocument } from './openapi.ts';
import { maosOperations } from './operations.ts';
import { assetHandler, pageHandler } from './page-route.ts';
import { RequestCounts } from './request-counts.ts';

/** Open without the token, for monitors. */
export const healthPath = '/health';

/** All routes of HTTP mode, behind one guard. */
export function makeApp(deps: HttpDeps, guard: GuardOptions): Hono<HttpEnv> {
  const app = new Hono<HttpEnv>();
  const requests = new RequestCounts();
  app.use(requests.middleware);
  const browsers = new SignedInBrowsers(deps.runtime, deps.ending);
  for (const check of makeGuard(guard, browsers)) app.use(check);
  const { version } = deps.runtime;
  const eventStreams = new EventStreams(deps);
  const [mcp, sse] = [mcpRoutes(deps), sseRoutes(deps)];
  const mcpSessions = (): number => mcp.sessions.size + sse.sessions.size;
  let document: Json | null = null;
  const maos = endpoints(maosOperations, {
    page: pageHandler(version),
    asset: assetHandler,
    health: (context) => context.json({ status: 'ok', version }),
    metrics: metricsHandler(deps, { requests, eventStreams, mcpSessions }),
    openApi: (context) => {
      document ??= openApiDocument(
        version,
        all.flatMap(({ operations }) => operations),
      );
      return context.json(document);
    },
    events: eventsHandler(deps, eventStreams),
  });
  const all: readonly Endpoints[] = [
    maos,
    signInEndpoints(deps, guard.names ?? new Set(), browsers),
    overviewEndpoints(deps),
    requestEndpoints(deps),
    sessionEndpoints(deps),
    startEndpoints(deps),
    agentEndpoints(deps),
    messageEndpoints(deps),
    acpEndpoints(deps),
    mcp,
    sse,
  ];
  for (const { routes } of all) app.route('/', routes);
  app.notFound((context) =>
    context.json(
      { code: 'INVALID_INPUT', message: `There is nothing at ${context.req.method} ${context.req.path}.` },
      404,
    ),
  );
  app.onError((error, context) => {
    if (isCutOff(error)) return context.body(null, 400);
    const known = explained(error);
    if (known !== null) {
      const isBusy = known.code === 'STORE_BUSY';
      if (isBusy) context.header('Retry-After', '1');
      return context.json({ code: known.code, message: known.message }, isBusy ? 503 : 500);
    }
    deps.runtime.log('error', 'http request failed', { path: context.req.path, error });
    const message = `This is a bug in MAOS. See the logs in ${JSON.stringify(deps.runtime.home)} for details.`;
    return context.json({ code: 'INTERNAL', message }, 500);
  });
  return app;
}
