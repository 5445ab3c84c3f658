import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js';
import type { JSONRPCMessage } from '@modelcontextprotocol/sdk/types.js';
import type { Context } from 'hono';
import type { HttpDeps } from '../server/deps.ts';
import { endpoints, type HttpEnv } from '../server/endpoints.ts';
import { OutgoingStream } from '../server/outgoing-stream.ts';
import { noSuchSession, readMessage, tooManySessions } from '../server/read-message.ts';
import { mcpLimits } from './mcp-limits.ts';
import { sseOperations } from './mcp-operations.ts';
import { type McpEndpoint, McpSessions } from './mcp-sessions.ts';

const headers = {
  'Content-Type': 'text/event-stream',
  'Cache-Control': 'no-store',
  // Proxies may buffer a response that they take for a page.
  'X-Accel-Buffering': 'no',
};

/** Clients reopen the stream themselves; until then they show their model the error. */
const openAnew = 'Reopen the stream at /sse (clients take a few seconds), then try again.';

/** How soon a client should reconnect after it lost the stream. Until then its messages are refused. */
const retryMs = 1_000;

/** The stream to the client. Its messages arrive in separate requests. The session ends with the stream. */
class SseTransport implements Transport {
  onmessage?: Transport['onmessage'];
  onerror?: Transport['onerror'];
  onclose?: Transport['onclose'];
  readonly sessionId: string;
  readonly #out: OutgoingStream;
  readonly #keepAliveMs: number;
  #beating: NodeJS.Timeout | undefined;
  #isClosed = false;

  constructor(id: string, out: OutgoingStream, keepAliveMs: number) {
    this.sessionId = id;
    this.#out = out;
    this.#keepAliveMs = keepAliveMs;
  }

  async start(): Promise<void> {
    this.#write(`event: endpoint\ndata: /messages?sessionId=${this.sessionId}\nretry: ${retryMs}\n\n`);
    this.#beating = setInterval(() => this.#write(': keepalive\n\n'), this.#keepAliveMs).unref();
  }

  async send(message: JSONRPCMessage): Promise<void> {
    if (this.#isClosed) throw new Error('The stream to the client has ended.');
    this.#write(`event: message\ndata: ${JSON.stringify(message)}\n\n`);
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    clearInterval(this.#beating);
    this.#out.end();
    this.onclose?.();
  }

  #write(text: string): void {
    this.#out.write(Buffer.from(text));
  }
}

/**
 * `/sse` and `/messages`: the transport of MCP 2024-11-05, for clients that support no other. GET `/sse` opens a
 * session; its first event is the URL for the client's messages.
 */
export function sseRoutes(deps: HttpDeps): McpEndpoint {
  const limits = mcpLimits(deps.mcpLimits);
  const sessions = new McpSessions<SseTransport>(deps, limits, limits.after);

  const sseListen = async (context: Context<HttpEnv>): Promise<Response> => {
    // A HEAD request would leave the stream open and unread.
    if (context.req.method === 'HEAD') return context.body(null, 200, headers);
    const { outgoing } = context.env;
    let onEnd = (): void => {};
    const out = new OutgoingStream({ ...limits, cut: () => outgoing.destroy(), onEnd: () => onEnd() });
    const session = await sessions.open((id) => new SseTransport(id, out, limits.keepAliveMs));
    if (session === null) return tooManySessions(context);
    session.hold();
    onEnd = () => void session.close();
    return context.body(out.body, 200, headers);
  };

  const sseSend = async (context: Context<HttpEnv>): Promise<Response> => {
    const session = sessions.find(context.req.query('sessionId') ?? '');
    if (session === undefined) return noSuchSession(context, openAnew);
    const message = await readMessage(context, session.trace);
    if (message instanceof Response) return message;
    session.transport.onmessage?.(message);
    return context.body(null, 202);
  };
  return { ...endpoints(sseOperations, { sseListen, sseSend }), sessions };
}
