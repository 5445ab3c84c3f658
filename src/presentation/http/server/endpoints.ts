import type { HttpBindings } from '@hono/node-server';
import { type Handler, Hono } from 'hono';
import type { Operation } from './openapi.ts';

/** Node's request and response are underneath: streams that nobody reads are cut there. */
export interface HttpEnv {
  Bindings: HttpBindings;
}

/** Routes, and what the document says of each. */
export interface Endpoints {
  readonly routes: Hono<HttpEnv>;
  readonly operations: readonly Operation[];
}

/**
 * The routes of a table of operations, from which the document is made too.
 * @param handlers by the id of the operation: one without a handler does not compile, nor does a handler without one
 * @param routes where they are added
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

/** `/runs/{run_id}` as the router and the figures of requests have it: `/runs/:id`. */
function routeOf(path: string): string {
  return path.replaceAll(/\{(?:[a-z]+_)?([a-z]+)\}/g, ':$1');
}
