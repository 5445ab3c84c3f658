import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import type { JSONRPCRequest } from '@modelcontextprotocol/sdk/types.js';
import { refuseHeaders } from '../../src/presentation/http/mcp/modern-headers.ts';
import { isModern, refuseClaim } from '../../src/presentation/mcp/modern/claim.ts';
import { type Command, type Message, ServerProcess } from './server-process.ts';

/**
 * HTTP in front of one stdio server for MCP 2026-07-28, where each request stands alone. Ids are replaced, because
 * different clients may use the same. Checks the headers itself, because stdio has none.
 */
export class ModernBridge {
  readonly #server: ServerProcess;
  readonly #waiting = new Map<number, (message: Message) => void>();
  #last = 0;

  constructor(command: Command) {
    this.#server = new ServerProcess(command, (message) => this.#deliver(message));
  }

  static takes(message: Message, version: unknown): boolean {
    return isModern(message as JSONRPCRequest) || (typeof version === 'string' && version >= '2026');
  }

  get ended(): Promise<readonly string[]> {
    return this.#server.ended;
  }

  leave(): void {
    this.#server.leave();
  }

  async post(
    message: Message,
    headers: NodeJS.Dict<string | string[]>,
    response: ServerResponse,
  ): Promise<void> {
    if (message.id === undefined) {
      response.writeHead(202).end();
      return;
    }
    const request = message as JSONRPCRequest;
    const refused = refuseHeaders(request, (name) => headers[name] as string | undefined);
    if (refused !== null) return answer(response, 400, refused);
    this.#last += 1;
    const id = this.#last;
    let over = false;
    response.once('close', () => {
      this.#waiting.delete(id);
      if (!over)
        this.#server.send({
          jsonrpc: '2.0',
          method: 'notifications/cancelled',
          params: { requestId: id } as object,
        });
    });
    this.#waiting.set(id, (said) => {
      const own = asOwn(said, message);
      over = said.method === undefined;
      if (over && !response.headersSent) answer(response, statusOf(said, request), own);
      else {
        if (!response.headersSent) response.writeHead(200, { 'content-type': 'text/event-stream' });
        response.write(`data: ${JSON.stringify(own)}\n\n`);
        if (over) response.end();
      }
    });
    const { _meta: meta = {}, ...params } = message.params ?? {};
    const token =
      (meta as { progressToken?: unknown }).progressToken === undefined ? {} : { progressToken: id };
    const sent =
      message.params === undefined
        ? {}
        : {
            params: {
              ...params,
              ...(message.params._meta === undefined ? {} : { _meta: { ...meta, ...token } }),
            },
          };
    this.#server.send({ ...message, id, ...sent });
    await once(response, 'close');
  }

  #deliver(message: Message): void {
    const meta = message.params?._meta as Readonly<Record<string, unknown>> | undefined;
    const id =
      message.method === undefined ? message.id : (meta?.[subscription] ?? message.params?.progressToken);
    this.#waiting.get(id as number)?.(message);
  }
}

const subscription = 'io.modelcontextprotocol/subscriptionId';

/** What the server said, with the client's own id and token in place of the bridge's. */
function asOwn(said: Message, { id, params: asked }: Message): Message {
  if (said.method === undefined) return { ...said, id };
  const { _meta: meta, progressToken } = (said.params ?? {}) as Readonly<Record<string, unknown>>;
  const isListened = meta !== undefined && subscription in (meta as object);
  const params = {
    ...said.params,
    ...(progressToken === undefined ? {} : { progressToken: asked?._meta?.progressToken }),
    ...(isListened ? { _meta: { ...(meta as object), [subscription]: id } } : {}),
  };
  return { ...said, params } as Message;
}

function statusOf({ error }: Message, request: JSONRPCRequest): number {
  const code = (error as { readonly code?: number } | undefined)?.code;
  if (code === -32601) return 404;
  if (code === -32021 || refuseClaim(request) !== null) return 400;
  return 200;
}

function answer(response: ServerResponse, status: number, message: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(message));
}
