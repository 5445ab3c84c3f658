import type { MiddlewareHandler } from 'hono';
import { matchedRoutes } from 'hono/route';

export interface RequestCount {
  readonly method: string;
  /** As it was declared (`/acp/runs/:id`), so that there are few; 'none' for what is not there. */
  readonly route: string;
  readonly status: number;
  readonly count: number;
}

/** How many requests were answered since the server was started. A stream counts when it begins. */
export class RequestCounts {
  readonly #counts = new Map<string, RequestCount>();

  /** To be used before everything else, so that refusals count too. */
  readonly middleware: MiddlewareHandler = async (context, next) => {
    await next();
    // Everything that applies to all paths is no route.
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
