import * as z from 'zod';
import { projectAccess } from '../../project-access.ts';
import { serveClientLog } from './client-log.ts';
import type { Connection, McpServerOptions } from './connection.ts';
import { methodsOf } from './methods-of.ts';
import { callIdOf, requestKeyOf } from './repeated-calls.ts';
import { answer, type Extra } from './requests.ts';
import { StrictServer } from './strict-server.ts';
import { serveSubscriptions } from './subscriptions.ts';

/**
 * The MCP server of one connection, not yet connected. Opens stores and converts schemas only on request, because
 * clients start servers without knowing whether they will use them.
 */
export function makeMcpServer(options: McpServerOptions): StrictServer {
  const { serverInfo, ...offer } = options.identity;
  const server = new StrictServer(serverInfo, {
    ...offer,
    // Needed only for responses to elicitations, which MAOS never sends.
    jsonSchemaValidator: {
      getValidator: () => () => {
        throw new Error('MAOS does not use elicitation.');
      },
    },
  });
  const connection: Connection = {
    loadRegistry: async () => (await import('./registry.ts')).registry,
    ...options,
    server,
    contextOf: (extra) => ({
      ...projectAccess(options.runtime, options.projectPath),
      signal: AbortSignal.any([extra.signal, options.ending]),
      client: {
        request: (method, params) => extra.sendRequest({ method, params } as AnyRequest, z.looseObject({})),
        notify: (method, params) => extra.sendNotification({ method, params } as AnyNotification),
      },
      input: null,
      names: {
        callId: callIdOf(extra._meta),
        requestKey:
          extra.sessionId === undefined ? undefined : requestKeyOf(extra.sessionId, extra.requestId),
      },
    }),
  };
  const { capabilities } = offer;
  for (const [name, { params, handle }] of Object.entries(methodsOf(connection, capabilities))) {
    answer(server, name, params, (given, extra) =>
      handle(given, { ...connection.contextOf(extra), progressToken: extra._meta?.progressToken }),
    );
  }
  if (capabilities.resources !== undefined) serveSubscriptions(connection);
  if (capabilities.logging !== undefined) serveClientLog(connection);
  return server;
}

/** The SDK has a type for each method; tools may use any method. */
type AnyRequest = Parameters<Extra['sendRequest']>[0];
type AnyNotification = Parameters<Extra['sendNotification']>[0];
