import { Hono } from 'hono';
import { isMaosError } from '../../domain/errors.ts';
import type { HttpDeps } from './deps.ts';
import { type GuardOptions, makeGuard } from './guard.ts';

/** Needs no token: monitors ask it. */
export const healthPath = '/health';

/** All routes of HTTP mode behind one guard. */
export function makeApp(deps: HttpDeps, guard: GuardOptions): Hono {
  const app = new Hono();
  for (const check of makeGuard(guard)) app.use(check);
  app.get(healthPath, (context) => context.json({ status: 'ok', version: deps.runtime.version }));
  app.notFound((context) =>
    context.json(
      { code: 'INVALID_INPUT', message: `There is nothing at ${context.req.method} ${context.req.path}.` },
      404,
    ),
  );
  app.onError((error, context) => {
    if (isMaosError(error)) return context.json({ code: error.code, message: error.message }, 500);
    deps.runtime.log('error', 'http request failed', { path: context.req.path, error });
    const message = `A defect in MAOS. Its log, below ${JSON.stringify(deps.runtime.home)}, says where.`;
    return context.json({ code: 'INTERNAL', message }, 500);
  });
  return app;
}
