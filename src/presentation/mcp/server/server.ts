import * as z from 'zod';
import { projectAccess } from '../../project-access.ts';
import { serveClientLog } from './client-log.ts';
import type { Connection, McpServerOptions } from './connection.ts';
import type { Extra } from './requests.ts';
import { serveCompletions } from './serve-completions.ts';
import { servePrompts } from './serve-prompts.ts';
import { serveResources } from './serve-resources.ts';
import { serveTools } from './serve-tools.ts';
import { StrictServer } from './strict-server.ts';

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
    }),
  };
  const { capabilities } = offer;
  serveTools(connection, options.onCall);
  if (capabilities.resources !== undefined) serveResources(connection);
  if (capabilities.prompts !== undefined) servePrompts(connection);
  if (capabilities.completions !== undefined) serveCompletions(connection);
  if (capabilities.logging !== undefined) serveClientLog(connection);
  return server;
}

/** The SDK has a type for each method; tools may use any method. */
type AnyRequest = Parameters<Extra['sendRequest']>[0];
type AnyNotification = Parameters<Extra['sendNotification']>[0];
