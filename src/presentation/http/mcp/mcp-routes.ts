import { isInitializeRequest, type JSONRPCMessage } from '@modelcontextprotocol/sdk/types.js';
import { type Context, Hono } from 'hono';
import { RepeatedCalls, requestKeyOf } from '../../mcp/server/repeated-calls.ts';
import { errorAnswer, errorCode } from '../../mcp/transport/json-rpc.ts';
import type { HttpDeps } from '../server/deps.ts';
import { endpoints, type HttpEnv } from '../server/endpoints.ts';
import { OutgoingStream } from '../server/outgoing-stream.ts';
import {
  httpError,
  noSuchSession,
  readMessage,
  requestIdOf,
  tooManySessions,
} from '../server/read-message.ts';
import { mcpLimits } from './mcp-limits.ts';
import { mcpOperations } from './mcp-operations.ts';
import { type McpEndpoint, type McpSession, McpSessions } from './mcp-sessions.ts';
import { ModernEndpoint } from './modern-endpoint.ts';
import { ResumableTransport } from './resumable-transport.ts';

type Session = McpSession<ResumableTransport>;

/**
 * `/mcp`: Streamable HTTP. A request of MCP 2026-07-28 stands alone (see {@link ModernEndpoint}); the rest is MCP
 * 2025-11-25, basic/transports: POST `initialize` opens a session, which the header
 * `Mcp-Session-Id` identifies from then on: POST sends a message, GET listens, DELETE ends the session. Every stream
 * can be resumed with `Last-Event-ID`.
 */
export function mcpRoutes(given: HttpDeps): McpEndpoint {
  // Of all sessions: a client whose stream broke may open a new one.
  const { repeatedCalls = new RepeatedCalls() } = given;
  const deps = { ...given, repeatedCalls };
  const limits = mcpLimits(deps.mcpLimits);
  const sessions = new McpSessions<ResumableTransport>(deps, limits, limits.after);
  const app = new Hono<HttpEnv>();

  const modern = new ModernEndpoint(deps, limits);

  const open = async (context: Context<HttpEnv>, message: JSONRPCMessage): Promise<Response> => {
    const id = requestIdOf(message);
    if (id === undefined || !('method' in message) || message.method !== 'initialize') {
      return nameless(context, message);
    }
    if (!isInitializeRequest(message)) {
      const why = 'Invalid params: initialize takes protocolVersion, capabilities and clientInfo.';
      return context.json(errorAnswer(errorCode.invalidParams, why, id), 400);
    }
    const session = await sessions.open((id) => new ResumableTransport(id, limits));
    if (session === null) return tooManySessions(context, id);
    session.trace?.received(await context.req.text(), message);
    const response = await serve(context, session, message);
    if (!response.ok) await session.close();
    return response;
  };

  /** The transport's response, with a bounded stream. The session counts as in use until the stream has ended. */
  const serve = async (
    context: Context<HttpEnv>,
    session: Session,
    message: JSONRPCMessage | null,
  ): Promise<Response> => {
    const release = session.hold();
    let streams = false;
    try {
      const response = await session.transport.handleRequest(context.req.raw, {
        parsedBody: message ?? undefined,
      });
      if (!response.ok) return underItsId(response, message);
      if (response.body === null || !isStream(response)) return response;
      streams = true;
      const reader = response.body.getReader();
      const out = new OutgoingStream({
        ...limits,
        cut: () => context.env.outgoing.destroy(),
        onEnd: (isComplete) => {
          release();
          const requestId = requestIdOf(message);
          if (isComplete && requestId !== undefined)
            repeatedCalls.delivered(requestKeyOf(session.id, requestId));
          // The stream has ended, or no client reads it.
          reader.cancel().catch(() => {});
        },
      });
      void pass(reader, out);
      return new Response(out.body, response);
    } finally {
      if (!streams) release();
    }
  };

  const answer = async (context: Context<HttpEnv>): Promise<Response> => {
    const id = context.req.header('mcp-session-id');
    const session = id === undefined ? undefined : sessions.find(id);
    const message = context.req.method === 'POST' ? await readMessage(context, session?.trace ?? null) : null;
    const isReadable = !(message instanceof Response);
    if (isReadable && message !== null && modern.takes(context, message, id !== undefined)) {
      return modern.answer(context, message);
    }
    if (id === undefined) {
      if (!isReadable) return message;
      return message === null ? nameless(context, null) : open(context, message);
    }
    if (session === undefined) {
      return noSuchSession(context, 'Initialize again.', isReadable ? requestIdOf(message) : undefined);
    }
    return isReadable ? serve(context, session, message) : message;
  };
  const made = endpoints(mcpOperations, { mcpSend: answer, mcpListen: answer, mcpEnd: answer }, app);
  app.all('/mcp', (context) => {
    context.header('Allow', 'GET, POST, DELETE');
    return context.json(errorAnswer(httpError.refused, 'Method not allowed.'), 405);
  });
  return { ...made, sessions };
}

/** For a message without a session. */
function nameless(context: Context, message: JSONRPCMessage | null): Response {
  const why = "Name the session in the header 'Mcp-Session-Id', or open one by POST of initialize.";
  return context.json(errorAnswer(httpError.refused, why, requestIdOf(message)), 400);
}

/** Replaces the id of an SDK error response, which is missing or `null`, a value that MCP does not allow. */
async function underItsId(response: Response, message: JSONRPCMessage | null): Promise<Response> {
  const { error } = (await response.json()) as {
    readonly error: { readonly code: number; readonly message: string };
  };
  const headers = new Headers(response.headers);
  return Response.json(errorAnswer(error.code, error.message, requestIdOf(message)), {
    status: response.status,
    headers,
  });
}

function isStream(response: Response): boolean {
  return response.headers.get('content-type') === 'text/event-stream';
}

/** Reads as fast as the transport writes, because the transport's own buffer is unbounded. */
async function pass(reader: ReadableStreamDefaultReader<Uint8Array>, out: OutgoingStream): Promise<void> {
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return out.end();
    out.write(value);
  }
}
