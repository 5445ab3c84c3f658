import type { JSONRPCMessage, JSONRPCRequest } from '@modelcontextprotocol/sdk/types.js';
import type { Context } from 'hono';
import { isModern, modernCode, refuseClaim } from '../../mcp/modern/claim.ts';
import type { ModernServer } from '../../mcp/modern/modern-server.ts';
import { errorCode } from '../../mcp/transport/json-rpc.ts';
import { type MessageTrace, traceMessages } from '../../mcp/transport/trace.ts';
import type { HttpDeps } from '../server/deps.ts';
import type { HttpEnv } from '../server/endpoints.ts';
import { OutgoingStream } from '../server/outgoing-stream.ts';
import type { McpLimits } from './mcp-limits.ts';
import { namesModernVersion, refuseHeaders } from './modern-headers.ts';

const streamHeaders = {
  'Content-Type': 'text/event-stream',
  'Cache-Control': 'no-store',
  // Proxies may buffer a response that they take for a page.
  'X-Accel-Buffering': 'no',
};

/** HTTP statuses of errors that have one of their own; every other answer has 200. */
const statuses: Readonly<Record<number, 400 | 404>> = {
  [errorCode.methodNotFound]: 404,
  [modernCode.missingCapability]: 400,
};

/**
 * POST `/mcp` of MCP 2026-07-28: each request is independent, without a session. The response is JSON, or a stream of
 * events when something is to be said before the answer. Closing the response cancels the request.
 */
export class ModernEndpoint {
  readonly #deps: HttpDeps;
  readonly #limits: McpLimits;
  #server: Promise<ModernServer> | null = null;

  constructor(deps: HttpDeps, limits: McpLimits) {
    this.#deps = deps;
    this.#limits = limits;
  }

  /** @param inSession whether the request names a session of the older versions */
  takes(context: Context<HttpEnv>, message: JSONRPCMessage, inSession: boolean): boolean {
    if (isModern(message)) return true;
    return !inSession && namesModernVersion((name) => context.req.header(name));
  }

  async answer(context: Context<HttpEnv>, message: JSONRPCMessage): Promise<Response> {
    // No notification of this version means anything over HTTP.
    if (!('method' in message && 'id' in message)) return context.body(null, 202);
    const { runtime } = this.#deps;
    const trace = (await runtime.logs('trace')) ? traceMessages(runtime) : null;
    trace?.received(await context.req.text(), message);
    const refusal = refuseHeaders(message, (name) => context.req.header(name)) ?? refuseClaim(message);
    if (refusal !== null) return json(context, refusal, trace, 400);
    this.#server ??= import('../../mcp/modern/modern-server.ts').then(
      ({ ModernServer }) => new ModernServer(this.#deps),
    );
    return this.#serve(context, message, await this.#server, trace);
  }

  async #serve(
    context: Context<HttpEnv>,
    request: JSONRPCRequest,
    server: ModernServer,
    trace: MessageTrace | null,
  ): Promise<Response> {
    const { outgoing } = context.env;
    const cancel = new AbortController();
    outgoing.once('close', () => cancel.abort());
    let stream: OutgoingStream | null = null;
    const streaming = Promise.withResolvers<OutgoingStream>();
    const open = (): OutgoingStream => {
      stream ??= new OutgoingStream({
        ...this.#limits,
        cut: () => outgoing.destroy(),
        onEnd: () => cancel.abort(),
      });
      streaming.resolve(stream);
      return stream;
    };
    const write = (message: JSONRPCMessage): void => {
      const text = JSON.stringify(message);
      trace?.sent(text, message);
      open().write(Buffer.from(`data: ${text}\n\n`));
    };
    // A proxy or a client may give up a response that does not begin, or on which nothing arrives.
    const beating = setInterval(
      () => open().write(Buffer.from(': keepalive\n\n')),
      this.#limits.keepAliveMs,
    ).unref();
    const answered = server
      .answer(request, { signal: cancel.signal, tell: async (message) => write(message) })
      .finally(() => clearInterval(beating));
    const first = await Promise.race([answered, streaming.promise]);
    if (first instanceof OutgoingStream) {
      void answered.then((answer) => {
        if (answer !== null) write(answer);
        first.end();
      });
      return context.body(first.body, 200, streamHeaders);
    }
    if (first === null) return context.body(null, 204);
    return json(context, first, trace, 'error' in first ? (statuses[first.error.code] ?? 200) : 200);
  }
}

function json(
  context: Context<HttpEnv>,
  message: JSONRPCMessage,
  trace: MessageTrace | null,
  status: 200 | 400 | 404,
): Response {
  trace?.sent(JSON.stringify(message), message);
  return context.json(message, status);
}
