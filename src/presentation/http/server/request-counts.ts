import type { MiddlewareHandler } from 'hono';
import { matchedRoutes } from 'hono/route';

export interface RequestCount {
  readonly method: string;
  /** As declared (`/acp/runs/:id`), so that there are few values; 'none' for unknown paths. */
  readonly route: string;
  readonly status: number;
  readonly count: number;
}

/** Number of answered requests since the start of the server. A stream counts when it begins. */
export class RequestCounts {
  readonly #counts = new Map<string, RequestCount>();

  /** Must be the first middleware, so that refusals count too. */
  readonly middleware: MiddlewareHandler = async (context, next) => {
    await next();
    // Paths that end in `*` are middleware, not routes.
    const route = matchedRoutes(context).findLast(({ path }) => !path.endsWith('*'))?.path ?? 'none';
    const { method } = context.req;
    const { status } = context.res;
    const key = `${method} ${route} ${status}`;
    const count = (this.#counts.get(key)?.count ?? 0) + 1;
    this.#counts.set(key, { method, route, status, count });
  };

  get all(): readonly RequestCount[] {
    return [...this.#counts.values()];
  }
}
