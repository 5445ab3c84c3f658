import type { HttpBindings } from '@hono/node-server';
import { type Handler, Hono } from 'hono';
import type { Operation } from './openapi.ts';

/** Access to Node's request and response, to close connections of streams that no client reads. */
export interface HttpEnv {
  Bindings: HttpBindings;
}

/** Routes, with their descriptions for the OpenAPI document. */
export interface Endpoints {
  readonly routes: Hono<HttpEnv>;
  readonly operations: readonly Operation[];
}

/**
 * Creates the routes for a table of operations, from which the OpenAPI document is generated too.
 * @param handlers by operation id; a missing or unknown one does not compile
 * @param routes the app to add them to
 */
export function endpoints<Table extends readonly Operation[]>(
  operations: Table,
  handlers: Readonly<Record<Table[number]['id'], Handler<HttpEnv>>>,
  routes = new Hono<HttpEnv>(),
): Endpoints {
  for (const { id, method, path } of operations) {
    routes.on(method.toUpperCase(), routeOf(path), handlers[id as Table[number]['id']]);
  }
  return { routes, operations };
}

/** `/runs/{run_id}` in the router's syntax, which the request metrics use too: `/runs/:id`. A `{path}` has slashes. */
function routeOf(path: string): string {
  return path.replaceAll(/\{(?:[a-z]+_)?([a-z]+)\}/g, ':$1').replace(/:path$/, ':path{.+}');
}
