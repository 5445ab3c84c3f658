/**
 * A model that says what a test tells it to: a loopback HTTP server that speaks enough of OpenAI's Responses API
 * (streaming only) for the real Codex to run against it, with no account and no network.
 */
import type { ServerResponse } from 'node:http';
import {
  type LoopbackServer,
  type ReceivedRequest,
  sendEvent,
  sendJson,
  startLoopbackServer,
} from './loopback-server.ts';

/** A tool as the model is told of it. A namespace holds functions; Codex makes one of each MCP server. */
export interface OpenAiTool {
  readonly type: string;
  readonly name?: string;
  readonly description?: string;
  readonly parameters?: Readonly<Record<string, unknown>>;
  readonly tools?: readonly OpenAiTool[];
}

/** One item of the conversation; the fields beside `type` depend on it. */
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

/** The answer to one request: text, which ends the turn, or calls of functions. */
export type OpenAiStep = { readonly text: string } | { readonly calls: readonly OpenAiCall[] };

export interface OpenAiCall {
  readonly namespace: string;
  readonly name: string;
  readonly arguments: unknown;
}

/** A running scripted model; `url` followed by `/v1` is the base URL for a model provider. */
export interface ScriptedOpenAi extends LoopbackServer {
  /** In the order of arrival; what is asked beside the model itself is among them. */
  readonly requests: readonly ReceivedRequest[];
}

/**
 * Starts a scripted model on 127.0.0.1 and a free port. A `respond` that throws is answered by a 400, which Codex does
 * not retry, so that a mistake in a test shows at once. Whatever is not `POST /v1/responses` is answered by a 404.
 */
export async function startScriptedOpenAi(
  respond: (request: OpenAiRequest) => OpenAiStep | Promise<OpenAiStep>,
): Promise<ScriptedOpenAi> {
  const requests: ReceivedRequest[] = [];

  async function handle(request: ReceivedRequest, response: ServerResponse): Promise<void> {
    const index = requests.push(request);
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
    stream(response, `resp_scripted_${index}`, step);
  }
  return { ...(await startLoopbackServer(handle)), requests };
}

/** The texts of the newest function outputs, in order: none unless the conversation ends with them. */
export function lastOutputs({ input }: OpenAiRequest): string[] {
  const end = input.findLastIndex(({ type }) => type !== 'function_call_output') + 1;
  return input.slice(end).map(({ output = '' }) => {
    return typeof output === 'string' ? output : output.map(({ text = '' }) => text).join('\n');
  });
}

function stream(response: ServerResponse, id: string, step: OpenAiStep): void {
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  sendEvent(response, 'response.created', { response: { id } });
  itemsOf(step, id).forEach((item, output_index) => {
    sendEvent(response, 'response.output_item.done', { output_index, item });
  });
  const usage = { input_tokens: 100, output_tokens: 20, total_tokens: 120 };
  sendEvent(response, 'response.completed', { response: { id, usage } });
  response.end();
}

function itemsOf(step: OpenAiStep, id: string): OpenAiItem[] {
  if ('text' in step) {
    const content = [{ type: 'output_text', text: step.text }];
    return [{ type: 'message', id: `msg_${id}`, role: 'assistant', content }];
  }
  return step.calls.map(({ namespace, name, arguments: given }, position) => ({
    type: 'function_call',
    id: `fc_${id}_${position}`,
    call_id: `call_${id}_${position}`,
    namespace,
    name,
    arguments: JSON.stringify(given),
  }));
}

function refuse(response: ServerResponse, status: number, message: string): void {
  sendJson(response, status, { error: { type: 'invalid_request_error', message } });
}
