import {
  type HandleRequestOptions,
  WebStandardStreamableHTTPServerTransport,
} from '@modelcontextprotocol/sdk/server/webStandardStreamableHttp.js';
import { isInitializeRequest, type JSONRPCMessage, type RequestId } from '@modelcontextprotocol/sdk/types.js';
import { protocolVersions } from '../../mcp/transport/handshake.ts';
import { errorAnswer, errorCode, isId, isJson } from '../../mcp/transport/json-rpc.ts';
import { McpEventStore, type StoreLimits } from './mcp-event-store.ts';

export interface ResumableOptions {
  readonly kept: StoreLimits;
  readonly keepAliveMs: number;
}

/** The SDK's name for the stream of messages that belong to no request. */
const generalStream = '_GET_stream';

/** How soon a client should reconnect after it lost a stream. */
const retryMs = 1_000;

/** Clients understand events without data since this version. */
const primingSince = '2025-11-25';

/**
 * The SDK's Streamable HTTP for one session, over a {@link McpEventStore}, with additions to SDK 1.32:
 * - The general stream also begins with a position to resume from, and with messages from before it was opened.
 * - A stream that has ended is replayed and then closed, where the SDK would leave it open. If there is nothing to
 *   replay, status 204 tells the client not to reconnect (HTML, server-sent events, 9.2.2).
 * - The stream of a cancelled request ends. It gets no response, for which the SDK would wait.
 * - An unknown position is refused with the reason.
 */
export class ResumableTransport extends WebStandardStreamableHTTPServerTransport {
  readonly #store: McpEventStore;
  readonly #id: string;
  #version: string | null = null;
  #wasListenedTo = false;

  constructor(id: string, { kept, keepAliveMs }: ResumableOptions) {
    const eventStore = new McpEventStore(kept);
    super({ sessionIdGenerator: () => id, eventStore, retryInterval: retryMs, keepAliveMs });
    this.#store = eventStore;
    this.#id = id;
  }

  override async handleRequest(given: Request, options?: HandleRequestOptions): Promise<Response> {
    this.#version ??= versionAgreedUpon(options?.parsedBody);
    const request = this.#asAgreed(given);
    if (request.method === 'GET') {
      const seen = request.headers.get('last-event-id');
      return seen ? this.#resume(request, seen) : this.#listen(request);
    }
    const response = await super.handleRequest(request, options);
    const calledOff = requestCalledOff(options?.parsedBody);
    if (response.status === 202 && calledOff !== null) await this.#endUnanswered(calledOff);
    return response;
  }

  /** The negotiated version applies, even if a request names another supported version. */
  #asAgreed(request: Request): Request {
    const named = request.headers.get('mcp-protocol-version');
    const isKnown = named === null || protocolVersions.includes(named);
    if (this.#version === null || named === this.#version || !isKnown) return request;
    return withHeader(request, 'mcp-protocol-version', this.#version);
  }

  async #listen(request: Request): Promise<Response> {
    const { oldest, newest } = this.#store.ends(generalStream);
    const from = this.#wasListenedTo ? newest : oldest;
    const response = await super.handleRequest(
      this.#wasListenedTo ? request : withHeader(request, 'last-event-id', oldest),
    );
    if (!response.ok || response.body === null) return response;
    this.#wasListenedTo = true;
    if ((this.#version ?? '') < primingSince) return response;
    const priming = new TextEncoder().encode(`id: ${from}\nretry: ${retryMs}\ndata: \n\n`);
    const primed = new TransformStream<Uint8Array, Uint8Array>({ start: (out) => out.enqueue(priming) });
    return new Response(response.body.pipeThrough(primed), response);
  }

  async #resume(request: Request, seen: string): Promise<Response> {
    if (this.#store.find(seen) === null) {
      const problem = 'the events after this Last-Event-ID are no longer available';
      return Response.json(errorAnswer(errorCode.invalidRequest, `Invalid request: ${problem}.`), {
        status: 400,
      });
    }
    const response = await super.handleRequest(request);
    if (!response.ok || this.#store.find(seen)?.hasEnded !== true) return response;
    await response.body?.cancel();
    const events = [...this.#store.after(seen)];
    if (events.length === 0)
      return new Response(null, { status: 204, headers: { 'mcp-session-id': this.#id } });
    const frames = events.map(
      ({ id, message }) => `event: message\nid: ${id}\ndata: ${JSON.stringify(message)}\n\n`,
    );
    return new Response(frames.join(''), response);
  }

  async #endUnanswered(requestId: RequestId): Promise<void> {
    this.closeSSEStream(requestId);
    // Only a response makes the SDK forget a request. This one is never sent to the client.
    const answer = errorAnswer(errorCode.internalError, 'Cancelled', requestId);
    this.#store.keepUnsaid(answer);
    // The request was already answered, or never existed.
    await super.send(answer).catch(() => {});
  }
}

/** The version that the SDK agrees to. */
function versionAgreedUpon(message: unknown): string | null {
  if (!isInitializeRequest(message)) return null;
  const asked = message.params.protocolVersion;
  return protocolVersions.includes(asked) ? asked : (protocolVersions[0] ?? null);
}

function requestCalledOff(message: unknown): RequestId | null {
  const { method, params } = (message ?? {}) as Partial<Extract<JSONRPCMessage, { method: string }>>;
  if (method !== 'notifications/cancelled' || !isJson(params)) return null;
  return isId(params.requestId) ? params.requestId : null;
}

function withHeader(request: Request, name: string, value: string): Request {
  const headers = new Headers(request.headers);
  headers.set(name, value);
  // Without the body, which has been read.
  return new Request(request.url, { method: request.method, headers });
}
