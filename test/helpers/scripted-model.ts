/**
 * A model whose answers a test scripts: a loopback HTTP server with the part of Anthropic's Messages API (streaming and
 * not) that the real Claude Code needs to run against it, without an account or network.
 */
import type { IncomingHttpHeaders, ServerResponse } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import {
  type LoopbackServer,
  type ReceivedRequest,
  sendEvent,
  sendJson as sendJsonAs,
  startLoopbackServer,
} from './loopback-server.ts';

/** One content block of a message; its other fields depend on `type`. */
export interface ContentBlock {
  type: string;
  text?: string;
  name?: string;
  input?: unknown;
  content?: unknown;
  is_error?: boolean;
  [field: string]: unknown;
}

/** A message as the client sent it: its content is a plain string or blocks. */
export interface ModelMessage {
  role: 'user' | 'assistant';
  content: string | ContentBlock[];
}

/** One `POST /v1/messages`, parsed. `raw` is the whole body, for other fields. */
export interface ModelRequest {
  model: string;
  /** The system prompt's blocks joined by newlines. */
  system: string;
  messages: ModelMessage[];
  tools: { name: string; description?: string; input_schema?: unknown }[];
  stream: boolean;
  headers: IncomingHttpHeaders;
  raw: Record<string, unknown>;
}

/** Any request that reached the server. */
export interface RecordedRequest extends ReceivedRequest {
  /** Set for `POST /v1/messages` only. */
  message?: ModelRequest;
}

/** The model's output: text, or a tool call. */
export type ScriptBlock = { text: string } | { toolUse: { name: string; input: unknown; id?: string } };

/** Tokens reported for one answer. */
export interface ScriptUsage {
  inputTokens?: number;
  outputTokens?: number;
  cacheReadTokens?: number;
  cacheCreationTokens?: number;
}

/** An HTTP error in Anthropic's format: `{type: 'error', error: {type, message}}`. */
export interface ScriptError {
  status: number;
  type: string;
  message: string;
  headers?: Record<string, string>;
}

/**
 * The answer to one request: one block, several blocks, an error, or silence, after a wait of `delayMs`. `hang: true`
 * sends the headers and `message_start` of a stream and then nothing, so that the client stays in a model call until it
 * or the server ends; `hang: 'before-headers'` sends nothing.
 */
export type ScriptStep = { delayMs?: number } & (
  | (ScriptBlock & { usage?: ScriptUsage; stopReason?: string })
  | { blocks: ScriptBlock[]; usage?: ScriptUsage; stopReason?: string }
  | { error: ScriptError }
  | { hang: true | 'before-headers' }
);

/** A running scripted model; its `url` is for `ANTHROPIC_BASE_URL`. */
export interface ScriptedModel extends LoopbackServer {
  /** In the order of arrival. */
  requests: RecordedRequest[];
}

/** Options of {@link startScriptedModel}. */
export interface ScriptedModelOptions {
  /** Chooses the answer to each `POST /v1/messages` by the request and the number of earlier ones. */
  respond(request: ModelRequest, index: number): ScriptStep | Promise<ScriptStep>;
}

/**
 * Starts a scripted model on 127.0.0.1 and a free port. If `respond` throws, the answer is a 400, which clients do not
 * retry, so that a mistake in a test shows immediately. The size of the body determines the token count; `GET
 * /v1/models` returns an empty list, HEAD probes a 200, and everything else a 404.
 */
export async function startScriptedModel({ respond }: ScriptedModelOptions): Promise<ScriptedModel> {
  const requests: RecordedRequest[] = [];
  let answered = 0;

  async function handle(request: ReceivedRequest, response: ServerResponse): Promise<void> {
    const { method, path, headers, body } = request;
    const recorded: RecordedRequest = request;
    requests.push(recorded);

    if (method === 'HEAD') return void response.writeHead(200).end();
    if (method === 'POST' && path === '/v1/messages/count_tokens') {
      return sendJson(response, 200, { input_tokens: Math.ceil(JSON.stringify(body ?? null).length / 4) });
    }
    if (method === 'POST' && path === '/v1/messages') {
      recorded.message = parseMessage(body, headers);
      const index = answered++;
      let step: ScriptStep;
      try {
        step = await respond(recorded.message, index);
      } catch (cause) {
        const message = `the script failed: ${cause instanceof Error ? cause.message : String(cause)}`;
        step = { error: { status: 400, type: 'invalid_request_error', message } };
      }
      return answer(response, recorded.message, step, index);
    }
    if (method === 'GET' && path === '/v1/models') {
      return sendJson(response, 200, { data: [], has_more: false, first_id: null, last_id: null });
    }
    const error = { type: 'not_found_error', message: `${method} ${path} is not scripted` };
    return sendJson(response, 404, { type: 'error', error });
  }

  return { ...(await startLoopbackServer(handle)), requests };
}

/**
 * The text of the newest user message without Claude Code's own `<system-reminder>` blocks; empty when that message
 * carries only tool results.
 */
export function lastUserText(request: ModelRequest): string {
  const last = request.messages.findLast((message) => message.role === 'user');
  if (last === undefined) return '';
  const blocks: ContentBlock[] =
    typeof last.content === 'string' ? [{ type: 'text', text: last.content }] : last.content;
  return blocks
    .flatMap((block) => (block.type === 'text' && block.text !== undefined ? [block.text] : []))
    .filter((text) => !text.startsWith('<system-reminder>'))
    .join('\n');
}

/** The tool results in the newest message, in order. They show a script that its tool call was answered. */
export function lastToolResults(request: ModelRequest): ContentBlock[] {
  const last = request.messages.findLast((message) => message.role === 'user');
  return Array.isArray(last?.content) ? last.content.filter((block) => block.type === 'tool_result') : [];
}

async function answer(
  response: ServerResponse,
  request: ModelRequest,
  step: ScriptStep,
  index: number,
): Promise<void> {
  if (step.delayMs !== undefined) await delay(step.delayMs);
  if ('error' in step) {
    const { status, type, message, headers } = step.error;
    return sendJson(response, status, { type: 'error', error: { type, message } }, headers);
  }
  if ('hang' in step) {
    if (step.hang === 'before-headers' || !request.stream) return;
    startStream(response, index);
    sendEvent(response, 'message_start', { message: message(request, index, {}, null) });
    return;
  }

  const blocks = 'blocks' in step ? step.blocks : [step];
  const content = blocks.map((block, position) => contentBlock(block, `${index}_${position}`));
  const wantsTool = content.some((block) => block.type === 'tool_use');
  const stopReason = step.stopReason ?? (wantsTool ? 'tool_use' : 'end_turn');
  if (!request.stream) {
    return sendJson(response, 200, { ...message(request, index, step.usage, stopReason), content });
  }

  startStream(response, index);
  sendEvent(response, 'message_start', {
    message: message(request, index, { ...step.usage, outputTokens: 1 }, null),
  });
  content.forEach((block, position) => {
    const { empty, delta } = streamed(block);
    sendEvent(response, 'content_block_start', { index: position, content_block: empty });
    sendEvent(response, 'content_block_delta', { index: position, delta });
    sendEvent(response, 'content_block_stop', { index: position });
  });
  const usage = { output_tokens: usageOf(step.usage).output_tokens };
  sendEvent(response, 'message_delta', { delta: { stop_reason: stopReason, stop_sequence: null }, usage });
  sendEvent(response, 'message_stop', {});
  response.end();
}

function contentBlock(block: ScriptBlock, suffix: string): ContentBlock {
  if ('text' in block) return { type: 'text', text: block.text };
  const { name, input, id } = block.toolUse;
  return { type: 'tool_use', id: id ?? `toolu_scripted_${suffix}`, name, input };
}

/** A block as a stream begins it (empty), and the one delta with its content. */
function streamed(block: ContentBlock): { empty: ContentBlock; delta: ContentBlock } {
  return block.type === 'tool_use'
    ? {
        empty: { ...block, input: {} },
        delta: { type: 'input_json_delta', partial_json: JSON.stringify(block.input) },
      }
    : { empty: { ...block, text: '' }, delta: { type: 'text_delta', text: block.text ?? '' } };
}

function message(
  request: ModelRequest,
  index: number,
  usage: ScriptUsage | undefined,
  stopReason: string | null,
): Record<string, unknown> {
  return {
    id: `msg_scripted_${index}`,
    type: 'message',
    role: 'assistant',
    model: request.model,
    content: [],
    stop_reason: stopReason,
    stop_sequence: null,
    usage: usageOf(usage),
  };
}

function usageOf(usage: ScriptUsage = {}): Record<string, number> {
  return {
    input_tokens: usage.inputTokens ?? 100,
    output_tokens: usage.outputTokens ?? 20,
    cache_read_input_tokens: usage.cacheReadTokens ?? 0,
    cache_creation_input_tokens: usage.cacheCreationTokens ?? 0,
  };
}

function parseMessage(body: unknown, headers: IncomingHttpHeaders): ModelRequest {
  const raw = (body ?? {}) as Record<string, unknown>;
  const system = raw.system as string | ContentBlock[] | undefined;
  return {
    model: String(raw.model ?? ''),
    system: Array.isArray(system) ? system.map((block) => block.text ?? '').join('\n') : (system ?? ''),
    messages: (raw.messages ?? []) as ModelMessage[],
    tools: (raw.tools ?? []) as ModelRequest['tools'],
    stream: raw.stream === true,
    headers,
    raw,
  };
}

function startStream(response: ServerResponse, index: number): void {
  response.writeHead(200, { 'content-type': 'text/event-stream', 'request-id': `req_scripted_${index}` });
}

function sendJson(response: ServerResponse, status: number, body: unknown, headers = {}): void {
  sendJsonAs(response, status, body, { 'request-id': 'req_scripted', ...headers });
}
