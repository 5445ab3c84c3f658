import * as z from 'zod';
import type { Runtime } from '../../../application/runtime.ts';
import { projectAccess } from '../../project-access.ts';
import { serveClientLog } from './client-log.ts';
import type { RequestContext } from './context.ts';
import type { ServerIdentity } from './identity.ts';
import type { Registry } from './registry.ts';
import type { Extra } from './requests.ts';
import { serveCompletions } from './serve-completions.ts';
import { servePrompts } from './serve-prompts.ts';
import { serveResources } from './serve-resources.ts';
import { serveTools } from './serve-tools.ts';
import { StrictServer } from './strict-server.ts';
import type { Tool } from './tool.ts';

export interface McpServerOptions {
  readonly runtime: Runtime;
  readonly identity: ServerIdentity;
  /** The folder whose project the tools work on. */
  readonly projectPath: string;
  /** Aborts when the server ends: calls that wait come back, subscriptions end. */
  readonly ending: AbortSignal;
  /** What is offered, loaded at the first request that needs it; default: everything MAOS has. */
  readonly loadRegistry?: () => Promise<Registry>;
  /** Is told of every call of a tool. */
  readonly onCall?: (call: Promise<unknown>, tool: Tool) => void;
}

/** What the handlers of one connection share. */
export interface Connection extends Required<Omit<McpServerOptions, 'identity' | 'onCall'>> {
  readonly server: StrictServer;
  contextOf(extra: Extra): RequestContext;
}

/**
 * The MCP server of one connection, not yet connected. Opens no store and converts no schema before it is asked to:
 * a client starts it whether or not it will be used.
 */
export function makeMcpServer(options: McpServerOptions): StrictServer {
  const { serverInfo, ...offer } = options.identity;
  const server = new StrictServer(serverInfo, {
    ...offer,
    // Needed only for answers to elicitations, which MAOS never asks for.
    jsonSchemaValidator: {
      getValidator: () => () => {
        throw new Error('MAOS asks for no elicitation.');
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
  serveTools(connection, options.onCall);
  serveResources(connection);
  servePrompts(connection);
  serveCompletions(connection);
  serveClientLog(connection);
  return server;
}

/** The SDK knows the methods by name; here they are whatever a tool asks for. */
type AnyRequest = Parameters<Extra['sendRequest']>[0];
type AnyNotification = Parameters<Extra['sendNotification']>[0];
