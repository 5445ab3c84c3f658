import { Hono } from 'hono';
import { explained } from '../../../application/system-error.ts';
import { acpPath, acpRoutes } from '../acp/acp-routes.ts';
import { messagesRoutes } from '../acp/messages-routes.ts';
import { EventStreams } from '../events/event-streams.ts';
import { eventsRoutes } from '../events/events-routes.ts';
import { mcpRoutes } from '../mcp/mcp-routes.ts';
import { sseRoutes } from '../mcp/sse-routes.ts';
import { metricsRoutes } from '../metrics/metrics-routes.ts';
import { isCutOff } from './cut-off.ts';
import type { HttpDeps } from './deps.ts';
import { type GuardOptions, makeGuard } from './guard.ts';
import { openApiDocument, openApiRoute } from './openapi.ts';
import { operations } from './operations.ts';
import { pageRoute } from './page-route.ts';
import { RequestCounts } from './request-counts.ts';

/** Needs no token: monitors ask it. */
export const healthPath = '/health';

/** All routes of HTTP mode behind one guard. */
export function makeApp(deps: HttpDeps, guard: GuardOptions): Hono {
  const app = new Hono();
  const requests = new RequestCounts();
  app.use(requests.middleware);
  for (const check of makeGuard(guard)) app.use(check);
  app.get(healthPath, (context) => context.json({ status: 'ok', version: deps.runtime.version }));
  const eventStreams = new EventStreams(deps);
  app.route('/', eventsRoutes(deps, eventStreams));
  const [mcp, sse] = [mcpRoutes(deps), sseRoutes(deps)];
  const mcpSessions = (): number => mcp.sessions.size + sse.sessions.size;
  app.route('/', metricsRoutes(deps, { requests, eventStreams, mcpSessions }));
  app.route('/', pageRoute(deps.runtime.version));
  app.route('/', messagesRoutes(deps));
  app.route(acpPath, acpRoutes(deps));
  app.route(
    '/',
    openApiRoute(() => openApiDocument(deps.runtime.version, operations)),
  );
  app.route('/', mcp.routes);
  app.route('/', sse.routes);
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
    const message = `A defect in MAOS. Its log, below ${JSON.stringify(deps.runtime.home)}, says where.`;
    return context.json({ code: 'INTERNAL', message }, 500);
  });
  return app;
}
