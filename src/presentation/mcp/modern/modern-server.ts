import type { JSONRPCMessage, JSONRPCRequest } from '@modelcontextprotocol/sdk/types.js';
import { isMaosError } from '../../../domain/errors.ts';
import { parseInput } from '../../contracts/parse-input.ts';
import { projectAccess } from '../../project-access.ts';
import type { McpServerOptions } from '../server/connection.ts';
import type { ClientInput, RequestContext } from '../server/context.ts';
import { InputNeeded } from '../server/input-needed.ts';
import type { Methods, Offer } from '../server/methods.ts';
import { methodsOf } from '../server/methods-of.ts';
import { callIdOf } from '../server/repeated-calls.ts';
import { asRequestError, invalidParams, RequestError, resourceNotFound } from '../server/request-error.ts';
import { errorAnswer, errorCode, isJson } from '../transport/json-rpc.ts';
import { discoverMethod, metaKey, metaOf, modernCode, refuseClaim } from './claim.ts';
import { checkRoom, listen, listenMethod, listenParams } from './listen.ts';
import { RequestState, requestDigest } from './request-state.ts';
import { completeAnswer, discoverAnswer } from './result.ts';

/** The stream of one request. */
export interface RequestStream {
  /** Aborts when the client no longer waits: after it, nothing more is sent. */
  readonly signal: AbortSignal;
  /** Sends a message before the answer. */
  tell(message: JSONRPCMessage): Promise<void>;
}

/** Methods whose answer may be questions to the client. */
const asking: ReadonlySet<string> = new Set(['tools/call', 'prompts/get', 'resources/read']);

/** What a client must have declared to be asked. */
const capabilityOf = {
  'elicitation/create': 'elicitation',
  'sampling/createMessage': 'sampling',
  'roots/list': 'roots',
} as const;

/**
 * MCP 2026-07-28 over any transport, from the registry, without the SDK. Keeps nothing between requests, except the
 * number of open subscriptions.
 */
export class ModernServer {
  readonly #options: McpServerOptions;
  readonly #offer: Offer;
  readonly #methods: Methods;
  readonly #states = new RequestState();
  #listening = 0;

  constructor(options: McpServerOptions) {
    this.#options = options;
    this.#offer = { loadRegistry: async () => (await import('../server/registry.ts')).registry, ...options };
    this.#methods = methodsOf(this.#offer, options.identity.capabilities);
  }

  /** @returns null when the client no longer waits for the answer */
  async answer(request: JSONRPCRequest, stream: RequestStream): Promise<JSONRPCMessage | null> {
    const { id, method } = request;
    const refusal = refuseClaim(request);
    if (refusal !== null) return refusal;
    if (method === discoverMethod) return discoverAnswer(id, this.#options.identity);
    try {
      const result = await (method === listenMethod
        ? this.#listen(request, stream)
        : this.#handle(request, stream));
      return stream.signal.aborted ? null : completeAnswer(id, method, result, this.#options.identity);
    } catch (error) {
      if (stream.signal.aborted) return null;
      return error instanceof InputNeeded ? this.#ask(request, error) : this.#errorAnswer(request, error);
    }
  }

  async #handle(request: JSONRPCRequest, stream: RequestStream): Promise<Readonly<Record<string, unknown>>> {
    const { method, params = {} } = request;
    const known = Object.hasOwn(this.#methods, method) ? this.#methods[method] : undefined;
    if (known === undefined) throw new RequestError(errorCode.methodNotFound, `Method not found: ${method}`);
    const context = this.#contextOf(request, stream);
    const given = check(() => parseInput(known.params, params, method));
    const { progressToken } = metaOf(request) as { readonly progressToken?: string | number };
    return known.handle(given, { ...context, progressToken });
  }

  async #listen(request: JSONRPCRequest, stream: RequestStream): Promise<Readonly<Record<string, unknown>>> {
    const { id, method, params } = request;
    if (this.#options.identity.capabilities.resources === undefined) {
      throw new RequestError(errorCode.methodNotFound, `Method not found: ${method}`);
    }
    const given = check(() => parseInput(listenParams, params, method));
    checkRoom(this.#listening);
    this.#listening += 1;
    try {
      const context = this.#contextOf(request, stream);
      await listen(request, given, await this.#offer.loadRegistry(), context, stream.tell);
    } finally {
      this.#listening -= 1;
    }
    return { _meta: { [metaKey.subscription]: id } };
  }

  #contextOf(request: JSONRPCRequest, stream: RequestStream): RequestContext {
    const { runtime, projectPath, ending } = this.#options;
    return {
      ...projectAccess(runtime, projectPath),
      signal: AbortSignal.any([stream.signal, ending]),
      client: {
        request: async (method) => {
          throw new Error(`${method}: this version of MCP has no requests to clients.`);
        },
        notify: (method, params) =>
          stream.tell({ jsonrpc: '2.0', method, params } as Extract<JSONRPCMessage, { method: string }>),
      },
      input: this.#inputOf(request),
      // Without sessions, the id of a request says nothing of other requests.
      names: { callId: callIdOf(metaOf(request)) },
    };
  }

  /** @throws RequestError for answers or a state that are malformed or not this server's */
  #inputOf(request: JSONRPCRequest): ClientInput {
    const { method, params = {} } = request;
    const { inputResponses: responses = {}, requestState } = params;
    const capabilities = metaOf(request)[metaKey.capabilities] as Readonly<Record<string, unknown>>;
    if (!isJson(responses)) throw invalidParams('inputResponses must be an object.');
    if (requestState === undefined) return { capabilities, responses, state: null };
    if (typeof requestState !== 'string') throw invalidParams('requestState must be a string.');
    const opened = this.#states.open(requestState, requestDigest(method, params));
    if ('problem' in opened) {
      throw invalidParams(`requestState ${opened.problem}: send the request again without it.`);
    }
    return { capabilities, responses, state: opened.state };
  }

  #ask(request: JSONRPCRequest, { questions, state }: InputNeeded): JSONRPCMessage {
    const { id, method, params = {} } = request;
    if (!asking.has(method)) throw new Error(`${method} cannot ask the client`);
    const declared = metaOf(request)[metaKey.capabilities] as Readonly<Record<string, unknown>>;
    const missing = Object.values(questions)
      .map((question) => capabilityOf[question.method])
      .filter((capability) => !isJson(declared[capability]));
    if (missing.length > 0) return this.#errorAnswer(request, missingCapability(missing));
    const requestState =
      state === undefined ? undefined : this.#states.seal(state, requestDigest(method, params));
    return {
      jsonrpc: '2.0',
      id,
      result: {
        resultType: 'input_required',
        ...(Object.keys(questions).length === 0 ? {} : { inputRequests: questions }),
        ...(requestState === undefined ? {} : { requestState }),
        _meta: { [metaKey.serverInfo]: this.#options.identity.serverInfo },
      },
    };
  }

  #errorAnswer({ id, method, params }: JSONRPCRequest, thrown: unknown): JSONRPCMessage {
    const error = asRequestError(thrown, params);
    if (error instanceof RequestError) {
      const { code, message, data } = error;
      // 2026-07-28 has no code of its own for a resource that does not exist.
      const known = code === resourceNotFound ? errorCode.invalidParams : code;
      return { jsonrpc: '2.0', id, error: { code: known, message, ...(data === undefined ? {} : { data }) } };
    }
    this.#options.runtime.log('error', 'mcp request failed', { method, error });
    return errorAnswer(
      errorCode.internalError,
      `${method} failed because of a bug in MAOS; its log has more.`,
      id,
    );
  }
}

/** The error for a client that did not declare what an answer needs. @param names of capabilities */
export function missingCapability(names: readonly string[]): RequestError {
  const list = [...new Set(names)];
  return new RequestError(
    modernCode.missingCapability,
    `This needs clients with the capability ${list.join(' and ')}, which the request does not declare.`,
    { requiredCapabilities: Object.fromEntries(list.map((name) => [name, {}])) },
  );
}

function check<T>(parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    throw isMaosError(error) ? invalidParams(error.message) : error;
  }
}
