import type { RequestHandlerExtra } from '@modelcontextprotocol/sdk/shared/protocol.js';
import type { ServerNotification, ServerRequest } from '@modelcontextprotocol/sdk/types.js';
import * as z from 'zod';
import { asRequestError } from './request-error.ts';
import type { StrictServer } from './strict-server.ts';

/** The SDK's data on the current request. */
export type Extra = RequestHandlerExtra<ServerRequest, ServerNotification>;

/** Registers the handler of a method. Converts errors of MAOS to those of the specification. */
export function answer<Params>(
  server: StrictServer,
  method: string,
  params: z.ZodType<Params>,
  handle: (params: Params, extra: Extra) => Promise<Readonly<Record<string, unknown>>>,
): void {
  server.setRequestHandler(z.object({ method: z.literal(method), params }), async (request, extra) => {
    try {
      return await handle(request.params, extra);
    } catch (error) {
      throw asRequestError(error, request.params);
    }
  });
}
