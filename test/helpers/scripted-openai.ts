/**
 * A model whose answers a test scripts: a loopback HTTP server with the part of OpenAI's Responses API (streaming only)
 * that the real Codex needs to run against it, without an account or network.
 */
import type { ServerResponse } from 'node:http';
import {
  type LoopbackServer,
  type ReceivedRequest,
  sendEvent,
  sendJson,
  startLoopbackServer,
} from './loopback-server.ts';

/** A tool that is declared to the model. A namespace holds functions; Codex makes one for each MCP server. */
export interface OpenAiTool {
  readonly type: string;
  readonly name?: string;
  readonly description?: string;
  readonly parameters?: Readonly<Record<string, unknown>>;
  readonly tools?: readonly OpenAiTool[];
}

/** One item of the conversation; its other fields depend on `type`. */
export interface OpenAiItem {
  readonly type: string;
  readonly call_id?: string;
  readonly output?: string | readonly { readonly type: string; readonly text?: string }[];
  readonly [field: string]: unknown;
}

/** One `POST /v1/responses`. */
export interface OpenAiRequest {
  readonly model: string;
  readonly input: readonly OpenAiItem[];
  readonly tools: readonly OpenAiTool[];
}

/**
 * The answer to one request: text, which ends the turn; function calls; items in the API's format; an HTTP error; a
 * stream that fails; or silence, until the client or the server ends.
 */
export type OpenAiStep =
  | { readonly text: string; readonly usage?: OpenAiUsage }
  | { readonly calls: readonly OpenAiCall[]; readonly usage?: OpenAiUsage }
  | { readonly items: readonly OpenAiItem[]; readonly usage?: OpenAiUsage }
  | { readonly error: OpenAiError }
  | { readonly failed: Readonly<Record<string, unknown>> }
  | { readonly incomplete: string }
  | { readonly hang: true };

/** An HTTP error: `body` is the `error` of the answer. */
export interface OpenAiError {
  readonly status: number;
  readonly body: Readonly<Record<string, unknown>>;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Tokens reported for one answer. */
export interface OpenAiUsage {
  readonly inputTokens?: number;
  readonly cachedTokens?: number;
  readonly outputTokens?: number;
}

export interface OpenAiCall {
  readonly namespace?: string;
  readonly name: string;
  readonly arguments: unknown;
}

/** A running scripted model; `url` followed by `/v1` is the base URL for a model provider. */
export interface ScriptedOpenAi extends LoopbackServer {
  /** In the order of arrival, including requests that are not to the model. */
  readonly requests: readonly ReceivedRequest[];
}

/**
 * Starts a scripted model on 127.0.0.1 and a free port. If `respond` throws, the answer is a 400, which Codex does not
 * retry, so that a mistake in a test shows immediately. Everything except `POST /v1/responses` is a 404.
 */
export async function startScriptedOpenAi(
  respond: (request: OpenAiRequest) => OpenAiStep | Promise<OpenAiStep>,
): Promise<ScriptedOpenAi> {
  const requests: ReceivedRequest[] = [];

  async function handle(request: ReceivedRequest, response: ServerResponse): Promise<void> {
    const index = requests.push(request);
    // Codex first tries a WebSocket with OpenAI itself; this answer makes it use HTTP at once.
    if (request.method === 'GET' && request.path === '/v1/responses') {
      return refuse(response, 426, 'there are no WebSockets here');
    }
    if (request.method !== 'POST' || request.path !== '/v1/responses') {
      return refuse(response, 404, `${request.method} ${request.path} is not scripted`);
    }
    let step: OpenAiStep;
    try {
      step = await respond(request.body as OpenAiRequest);
    } catch (cause) {
      return refuse(
        response,
        400,
        `the script failed: ${cause instanceof Error ? cause.message : String(cause)}`,
      );
    }
    if ('error' in step) {
      return sendJson(response, step.error.status, { error: step.error.body }, step.error.headers);
    }
    stream(response, `resp_scripted_${index}`, step);
  }
  return { ...(await startLoopbackServer(handle)), requests };
}

/** The texts of the newest function outputs, in order; none unless the conversation ends with them. */
export function lastOutputs({ input }: OpenAiRequest): string[] {
  const end = input.findLastIndex(({ type }) => type !== 'function_call_output') + 1;
  return input.slice(end).map(({ output = '' }) => {
    return typeof output === 'string' ? output : output.map(({ text = '' }) => text).join('\n');
  });
}

/** The texts of the user's messages, in order, including Codex's description of its environment. */
export function userTexts({ input }: OpenAiRequest): string[] {
  return input.flatMap(({ type, role, content }) =>
    type === 'message' && role === 'user' ? [textOf(content)] : [],
  );
}

/** The texts of the client's instructions to the model. */
export function developerTexts({ input }: OpenAiRequest): string[] {
  return input.flatMap(({ type, role, content }) =>
    type === 'message' && role === 'developer' ? [textOf(content)] : [],
  );
}

function textOf(content: unknown): string {
  if (!Array.isArray(content)) return String(content ?? '');
  return content.map(({ text = '' }) => String(text)).join('\n');
}

function stream(
  response: ServerResponse,
  id: string,
  step: Exclude<OpenAiStep, { error: OpenAiError }>,
): void {
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  sendEvent(response, 'response.created', { response: { id } });
  if ('hang' in step) return;
  if ('failed' in step) {
    sendEvent(response, 'response.failed', { response: { id, status: 'failed', error: step.failed } });
  } else if ('incomplete' in step) {
    const incomplete = { id, status: 'incomplete', incomplete_details: { reason: step.incomplete } };
    sendEvent(response, 'response.incomplete', { response: incomplete });
  } else {
    itemsOf(step, id).forEach((item, output_index) => {
      sendEvent(response, 'response.output_item.done', { output_index, item });
    });
    sendEvent(response, 'response.completed', { response: { id, usage: usageOf(step.usage) } });
  }
  response.end();
}

function usageOf({ inputTokens = 100, cachedTokens = 0, outputTokens = 20 }: OpenAiUsage = {}) {
  return {
    input_tokens: inputTokens,
    input_tokens_details: { cached_tokens: cachedTokens },
    output_tokens: outputTokens,
    output_tokens_details: { reasoning_tokens: 0 },
    total_tokens: inputTokens + outputTokens,
  };
}

type SaidStep = Extract<OpenAiStep, { usage?: OpenAiUsage }>;

function itemsOf(step: SaidStep, id: string): readonly OpenAiItem[] {
  if ('items' in step) return step.items;
  if ('text' in step) {
    const content = [{ type: 'output_text', text: step.text }];
    return [{ type: 'message', id: `msg_${id}`, role: 'assistant', content }];
  }
  return step.calls.map(({ arguments: given, ...call }, position) => ({
    type: 'function_call',
    id: `fc_${id}_${position}`,
    call_id: `call_${id}_${position}`,
    ...call,
    arguments: JSON.stringify(given),
  }));
}

function refuse(response: ServerResponse, status: number, message: string): void {
  sendJson(response, status, { error: { type: 'invalid_request_error', message } });
}
