/**
 * A model whose answers a test scripts: a loopback HTTP server with the part of OpenAI's Chat Completions API
 * (streaming and not) that real agent CLIs need to run against it, without an account or network.
 */
import type { ServerResponse } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import {
  type LoopbackServer,
  type ReceivedRequest,
  sendJson,
  startLoopbackServer,
} from './loopback-server.ts';

export interface ChatToolCall {
  readonly id: string;
  readonly type: 'function';
  readonly function: { readonly name: string; readonly arguments: string };
}

/** A message as the client sent it: its content is a plain string or parts. */
export interface ChatMessage {
  readonly role: 'system' | 'developer' | 'user' | 'assistant' | 'tool';
  readonly content?: string | readonly { readonly type: string; readonly text?: string }[] | null;
  readonly tool_calls?: readonly ChatToolCall[];
  readonly tool_call_id?: string;
}

/** One `POST /v1/chat/completions`. */
export interface ChatRequest {
  readonly model: string;
  readonly messages: readonly ChatMessage[];
  readonly tools?: readonly { readonly function: { readonly name: string; readonly parameters?: unknown } }[];
  readonly stream?: boolean;
  readonly [field: string]: unknown;
}

/** Tokens reported for one answer; 100 in and 20 out unless given. */
export interface ChatUsage {
  readonly inputTokens?: number;
  readonly outputTokens?: number;
  /** Of the input. */
  readonly cachedTokens?: number;
  /** Of the output. */
  readonly reasoningTokens?: number;
}

/** An HTTP error in OpenAI's shape: `{error: {message, type, code}}`. */
export interface ChatError {
  readonly status: number;
  readonly message: string;
  readonly type?: string;
  readonly code?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Text, which ends the turn, or calls of tools. */
export interface ChatAnswer {
  readonly text?: string;
  readonly calls?: readonly { readonly name: string; readonly arguments: unknown }[];
  readonly usage?: ChatUsage;
  readonly finishReason?: string;
}

/**
 * The answer to one request: text or calls, an error, or silence, after a wait of `delayMs`. `hang: true` sends the
 * headers and the beginning of a stream and then nothing; `hang: 'before-headers'` sends nothing.
 */
export type ChatStep = { readonly delayMs?: number } & (
  | ChatAnswer
  | { readonly error: ChatError }
  | { readonly hang: true | 'before-headers' }
);

/** A running scripted model; `url` followed by `/v1` is the base URL of a provider. */
export interface ScriptedChatModel extends LoopbackServer {
  /** In the order of arrival, including requests that are not to the model. */
  readonly requests: readonly ReceivedRequest[];
  /** The requests to the model only. */
  readonly asked: readonly ChatRequest[];
}

/**
 * Starts a scripted model on 127.0.0.1 and a free port. If `respond` throws, the answer is a 400, which clients do not
 * retry, so that a mistake in a test shows immediately. `GET /v1/models` lists `models`, everything else is a 404.
 * @param respond chooses the answer by the request and the number of earlier ones
 */
export async function startScriptedChatModel(
  respond: (request: ChatRequest, index: number) => ChatStep | Promise<ChatStep>,
  { models = ['scripted-model'] }: { readonly models?: readonly string[] } = {},
): Promise<ScriptedChatModel> {
  const requests: ReceivedRequest[] = [];
  const asked: ChatRequest[] = [];

  async function handle(received: ReceivedRequest, response: ServerResponse): Promise<void> {
    requests.push(received);
    const { method, path } = received;
    if (method === 'GET' && path === '/v1/models') {
      const data = models.map((id) => ({ id, object: 'model', created: 0, owned_by: 'test' }));
      return sendJson(response, 200, { object: 'list', data });
    }
    if (method !== 'POST' || path !== '/v1/chat/completions') {
      return refuse(response, { status: 404, message: `${method} ${path} is not scripted` });
    }
    const request = received.body as ChatRequest;
    const index = asked.push(request) - 1;
    let step: ChatStep;
    try {
      step = await respond(request, index);
    } catch (cause) {
      const words = cause instanceof Error ? cause.message : String(cause);
      step = { error: { status: 400, message: `the script failed: ${words}` } };
    }
    if (step.delayMs !== undefined) await delay(step.delayMs);
    answer(response, request, step, index);
  }
  return { ...(await startLoopbackServer(handle)), requests, asked };
}

/** The text of a message, its parts joined by newlines. */
export function chatText({ content }: ChatMessage): string {
  if (typeof content === 'string') return content;
  return (content ?? []).flatMap(({ text }) => text ?? []).join('\n');
}

/** The results of the newest tool calls, in order; none unless the conversation ends with them. */
export function lastToolAnswers({ messages }: ChatRequest): string[] {
  const end = messages.findLastIndex(({ role }) => role !== 'tool') + 1;
  return messages.slice(end).map(chatText);
}

/** Everything that the request gives the model as instructions. */
export function systemText({ messages }: ChatRequest): string {
  return messages
    .filter(({ role }) => role === 'system' || role === 'developer')
    .map(chatText)
    .join('\n');
}

function answer(response: ServerResponse, request: ChatRequest, step: ChatStep, index: number): void {
  if ('error' in step) refuse(response, step.error);
  else if ('hang' in step) hang(response, request, step.hang, index);
  else if (request.stream === true) stream(response, request, step, index);
  else sendJson(response, 200, whole(request, step, index));
}

function hang(
  response: ServerResponse,
  request: ChatRequest,
  how: true | 'before-headers',
  index: number,
): void {
  if (how === 'before-headers' || request.stream !== true) return;
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  sendChunk(response, request, index, { delta: { role: 'assistant', content: '' }, finish_reason: null });
}

function stream(response: ServerResponse, request: ChatRequest, step: ChatAnswer, index: number): void {
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  const { text, calls, finishReason } = contentOf(step, index);
  sendChunk(response, request, index, { delta: { role: 'assistant', content: text }, finish_reason: null });
  calls.forEach((call, position) => {
    const delta = { tool_calls: [{ index: position, ...call }] };
    sendChunk(response, request, index, { delta, finish_reason: null });
  });
  sendChunk(response, request, index, { delta: {}, finish_reason: finishReason });
  const end = completion('chat.completion.chunk', request, index);
  response.write(`data: ${JSON.stringify({ ...end, choices: [], usage: usageOf(step.usage) })}\n\n`);
  response.end('data: [DONE]\n\n');
}

function whole(request: ChatRequest, step: ChatAnswer, index: number): unknown {
  const { text: content, calls, finishReason } = contentOf(step, index);
  const message = { role: 'assistant', content, ...(calls.length === 0 ? {} : { tool_calls: calls }) };
  const choices = [{ index: 0, message, finish_reason: finishReason, logprobs: null }];
  return { ...completion('chat.completion', request, index), choices, usage: usageOf(step.usage) };
}

function contentOf({ text = '', calls = [], finishReason }: ChatAnswer, index: number) {
  return {
    text,
    calls: calls.map((call, position) => toolCall(call, index, position)),
    finishReason: finishReason ?? (calls.length > 0 ? 'tool_calls' : 'stop'),
  };
}

function sendChunk(
  response: ServerResponse,
  request: ChatRequest,
  index: number,
  choice: Readonly<Record<string, unknown>>,
): void {
  const choices = [{ index: 0, logprobs: null, ...choice }];
  const chunk = { ...completion('chat.completion.chunk', request, index), choices };
  response.write(`data: ${JSON.stringify(chunk)}\n\n`);
}

function completion(object: string, { model }: ChatRequest, index: number): Record<string, unknown> {
  return { id: `chatcmpl-scripted-${index}`, object, created: 1_700_000_000, model };
}

function toolCall(
  { name, arguments: given }: { readonly name: string; readonly arguments: unknown },
  index: number,
  position: number,
): ChatToolCall {
  const id = `call_scripted_${index}_${position}`;
  return { id, type: 'function', function: { name, arguments: JSON.stringify(given) } };
}

function usageOf({
  inputTokens = 100,
  outputTokens = 20,
  cachedTokens = 0,
  reasoningTokens = 0,
}: ChatUsage = {}): Record<string, unknown> {
  return {
    prompt_tokens: inputTokens,
    completion_tokens: outputTokens,
    total_tokens: inputTokens + outputTokens,
    prompt_tokens_details: { cached_tokens: cachedTokens },
    completion_tokens_details: { reasoning_tokens: reasoningTokens },
  };
}

function refuse(response: ServerResponse, { status, message, type, code, headers }: ChatError): void {
  const error = { message, type: type ?? 'invalid_request_error', param: null, code: code ?? null };
  sendJson(response, status, { error }, headers);
}
