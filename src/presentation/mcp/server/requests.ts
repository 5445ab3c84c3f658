import type { RequestHandlerExtra } from '@modelcontextprotocol/sdk/shared/protocol.js';
import { ErrorCode, type ServerNotification, type ServerRequest } from '@modelcontextprotocol/sdk/types.js';
import * as z from 'zod';
import { explained } from '../../../application/system-error.ts';
import type { ErrorCode as MaosErrorCode } from '../../../domain/errors.ts';
import { formatCursor, parseCursor } from '../answers/cursor.ts';
import { noResource, RequestError } from './request-error.ts';
import type { StrictServer } from './strict-server.ts';

/** The SDK's data on the current request. */
export type Extra = RequestHandlerExtra<ServerRequest, ServerNotification>;

const notFound: readonly MaosErrorCode[] = [
  'SESSION_NOT_FOUND',
  'AGENT_NOT_FOUND',
  'INVALID_INPUT',
  'FORBIDDEN',
];

/** Registers the handler of a method. Converts errors of MAOS to those of the specification. */
export function answer<Params>(
  server: StrictServer,
  method: string,
  params: z.ZodType<Params>,
  handle: (params: Params, extra: Extra) => Promise<Record<string, unknown>>,
): void {
  server.setRequestHandler(z.object({ method: z.literal(method), params }), async (request, extra) => {
    try {
      return await handle(request.params, extra);
    } catch (error) {
      throw asRequestError(error, request.params);
    }
  });
}

function asRequestError(error: unknown, params: unknown): unknown {
  const known = explained(error);
  if (known === null) return error;
  const { code, message, details } = known;
  const uri = (params as { readonly uri?: unknown } | undefined)?.uri;
  if (typeof uri === 'string' && notFound.includes(code)) return noResource(uri, message);
  const rpcCode = code === 'INVALID_INPUT' ? ErrorCode.InvalidParams : ErrorCode.InternalError;
  return new RequestError(rpcCode, message, { code, details });
}

/** Parameters of the list methods. */
export const listParams = z.looseObject({ cursor: z.string().optional() });

/** Large enough for all tools and prompts, because some clients ignore cursors. */
const pageSize = 100;

/** The page at a cursor, under the specification's key for the items. @throws MaosError INVALID_INPUT */
export function pageOf<Item>(
  key: string,
  items: readonly Item[],
  cursor: string | undefined,
  method: string,
): Record<string, unknown> {
  const from = parseCursor(cursor, method);
  const to = from + pageSize;
  return {
    [key]: items.slice(from, to),
    ...(to < items.length ? { nextCursor: formatCursor(to) } : {}),
  };
}
