import { Server } from '@modelcontextprotocol/sdk/server/index.js';
import { ErrorCode } from '@modelcontextprotocol/sdk/types.js';
import * as z from 'zod';
import type { OpenProject, Runtime } from '../../application/runtime.ts';
import { quote } from '../../domain/errors.ts';
import type { ServerIdentity } from './identity.ts';
import type { ProgressUpdate, Tool, ToolContext } from './tool.ts';

/** Only the method: the SDK would answer malformed parameters with 'internal error' instead of 'invalid params'. */
const listRequest = z.object({ method: z.literal('tools/list'), params: z.unknown().optional() });
const callRequest = z.object({ method: z.literal('tools/call'), params: z.unknown().optional() });

const listParams = z.looseObject({ cursor: z.never().optional() }).optional();
/** The SDK checks these parameters itself before the handler runs. */
const callParams = z.looseObject({ name: z.string(), arguments: z.unknown().optional() });

export interface McpServerOptions {
  readonly runtime: Runtime;
  readonly identity: ServerIdentity;
  /** The folder whose project the tools work on. */
  readonly projectPath: string;
  /** Aborts when the server ends: calls that wait come back. */
  readonly ending: AbortSignal;
  /** Is told of every call of a tool. */
  readonly onCall?: (call: Promise<unknown>, tool: Tool) => void;
}

/**
 * The MCP server of one connection, not yet connected. Opens no store and converts no schema before it is asked to:
 * a client starts it whether or not it will be used.
 */
export function makeMcpServer({ runtime, identity, projectPath, ending, onCall }: McpServerOptions): Server {
  const { serverInfo, ...offer } = identity;
  const server = new Server(serverInfo, {
    ...offer,
    // Needed only for answers to elicitations, which MAOS never asks for.
    jsonSchemaValidator: {
      getValidator: () => () => {
        throw new Error('MAOS asks for no elicitation.');
      },
    },
  });

  server.setRequestHandler(listRequest, async ({ params }) => {
    if (!listParams.safeParse(params).success) {
      throw new RequestError(ErrorCode.InvalidParams, 'tools/list has a single page: leave cursor out.');
    }
    const [{ tools }, { defineTools }] = await Promise.all([
      import('./registry.ts'),
      import('./definitions.ts'),
    ]);
    // Who lists the tools will soon call one.
    setImmediate(() => void warmUp(runtime));
    return { tools: [...defineTools(tools)] };
  });

  server.setRequestHandler(callRequest, async ({ params }, extra) => {
    const { name, arguments: args = {} } = callParams.parse(params);
    const [{ tools }, { callTool }] = await Promise.all([import('./registry.ts'), import('./call-tool.ts')]);
    const tool = tools.find((candidate) => candidate.name === name);
    if (tool === undefined) {
      const names = tools.map((known) => known.name).join(', ');
      throw new RequestError(ErrorCode.InvalidParams, `Unknown tool: ${quote(name)}. There are: ${names}.`);
    }
    const token = extra._meta?.progressToken;
    const context: ToolContext = {
      ...projectAccess(runtime, projectPath),
      signal: AbortSignal.any([extra.signal, ending]),
      notifyProgress:
        token === undefined
          ? () => {}
          : latestWins((update) =>
              extra.sendNotification({
                method: 'notifications/progress',
                params: { progressToken: token, ...update },
              }),
            ),
    };
    const call = callTool(tool, args, context);
    onCall?.(call, tool);
    return { ...(await call) };
  });

  return server;
}

async function warmUp(runtime: Runtime): Promise<void> {
  try {
    await Promise.all([import('./call-tool.ts'), runtime.prepare()]);
  } catch (error) {
    runtime.log('warn', 'not warmed up; the first call will say why', { error });
  }
}

function projectAccess(
  runtime: Runtime,
  path: string,
): Pick<ToolContext, 'runtime' | 'openProject' | 'findProject' | 'projects'> {
  return {
    runtime,
    openProject: () => runtime.openProject(path),
    findProject: () => runtime.findProject(path),
    async *projects(): AsyncGenerator<OpenProject> {
      const own = await runtime.findProject(path);
      if (own !== null) yield own;
      for await (const other of runtime.allProjects()) {
        if (other.project.path !== own?.project.path) yield other;
      }
    },
  };
}

/**
 * Sends updates one after the other. A client that reads slowly is sent the newest when it can take one again,
 * so that they do not pile up here. Updates of a call that ended or was called off go nowhere.
 */
function latestWins(send: (update: ProgressUpdate) => Promise<void>): (update: ProgressUpdate) => void {
  let sending = false;
  let waiting: ProgressUpdate | null = null;
  const pump = async (first: ProgressUpdate): Promise<void> => {
    sending = true;
    try {
      for (let next: ProgressUpdate | null = first; next !== null; ) {
        waiting = null;
        await send(next);
        next = waiting;
      }
    } catch {
      // The connection is gone, and with it whoever wanted to know.
    } finally {
      sending = false;
    }
  };
  return (update) => {
    if (sending) waiting = update;
    else void pump(update);
  };
}

/** A JSON-RPC error. The SDK's own class writes the code into the message, and clients do so once more. */
class RequestError extends Error {
  readonly code: number;
  constructor(code: number, message: string) {
    super(message);
    this.name = 'RequestError';
    this.code = code;
  }
}
