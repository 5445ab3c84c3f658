import type { JSONRPCMessage, JSONRPCRequest, RequestId } from '@modelcontextprotocol/sdk/types.js';
import type { ServerIdentity } from '../server/identity.ts';
import { errorAnswer, errorCode } from '../transport/json-rpc.ts';
import { discoverMethod, isModern, refuseClaim } from './claim.ts';
import type { ModernServer } from './modern-server.ts';
import { discoverAnswer } from './result.ts';

interface StdioLaneOptions {
  readonly identity: ServerIdentity;
  /** Called at the first request that is not answered here. */
  readonly load: () => Promise<ModernServer>;
  /** Settles when the message is sent. */
  readonly send: (message: JSONRPCMessage) => Promise<void>;
}

/**
 * The messages of MCP 2026-07-28 on a pipe that the older versions share. Answers `server/discover` and refuses without
 * loading anything.
 */
export class StdioLane {
  readonly #options: StdioLaneOptions;
  /** Requests without an answer yet. The ids of all versions are in one space, so this tells whose a cancellation is. */
  readonly #open = new Map<RequestId, AbortController>();
  #server: Promise<ModernServer> | null = null;

  constructor(options: StdioLaneOptions) {
    this.#options = options;
  }

  /** @returns false for a message that is not of this version */
  take(message: JSONRPCMessage): boolean {
    if (!('method' in message)) return false;
    if ('id' in message) {
      if (!isModern(message)) return false;
      void this.#answer(message);
      return true;
    }
    if (message.method !== 'notifications/cancelled') return isModern(message);
    const id = message.params?.requestId as RequestId;
    const request = this.#open.get(id);
    this.#open.delete(id);
    request?.abort();
    return request !== undefined || isModern(message);
  }

  async #answer(request: JSONRPCRequest): Promise<void> {
    const { id, method } = request;
    const { identity, send } = this.#options;
    const refusal = refuseClaim(request);
    if (refusal !== null) return send(refusal);
    if (method === discoverMethod) return send(discoverAnswer(id, identity));
    if (this.#open.has(id)) {
      const why = `Invalid request: the id ${JSON.stringify(id)} is that of a request without an answer.`;
      return send(errorAnswer(errorCode.invalidRequest, why, id));
    }
    const cancel = new AbortController();
    this.#open.set(id, cancel);
    const tell = async (message: JSONRPCMessage): Promise<void> => {
      if (!cancel.signal.aborted) await send(message);
    };
    this.#server ??= this.#options.load();
    const answer = await (await this.#server).answer(request, { signal: cancel.signal, tell });
    if (this.#open.get(id) === cancel) this.#open.delete(id);
    if (answer !== null) await send(answer);
  }
}
