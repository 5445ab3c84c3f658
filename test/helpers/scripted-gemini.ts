/**
 * A model whose answers a test scripts: a loopback HTTP server with the part of the Gemini API (streaming and not) that
 * the real Gemini CLI needs to run against it, without an account or network.
 */
import type { ServerResponse } from 'node:http';
import {
  type LoopbackServer,
  type ReceivedRequest,
  sendJson,
  startLoopbackServer,
} from './loopback-server.ts';

/** A function that is declared to the model. */
export interface GeminiFunction {
  readonly name: string;
  readonly description?: string;
  readonly parametersJsonSchema?: Readonly<Record<string, unknown>>;
}

/** One part of a message; its field determines its kind. */
export interface GeminiPart {
  readonly text?: string;
  readonly functionCall?: { readonly name: string; readonly args: unknown };
  readonly functionResponse?: { readonly name: string; readonly response: GeminiAnswer };
}

/** The result of a called function, as Gemini CLI reports it. */
export interface GeminiAnswer {
  readonly output?: string;
  readonly error?: string;
}

/** One request to generate content. */
export interface GeminiRequest {
  readonly contents: readonly { readonly role: string; readonly parts: readonly GeminiPart[] }[];
  readonly systemInstruction?: { readonly parts: readonly GeminiPart[] };
  readonly tools?: readonly { readonly functionDeclarations?: readonly GeminiFunction[] }[];
}

/**
 * The answer to one request: text, which ends the turn, a call of a function, parts that end for another reason, a
 * blocked prompt, an error in Google's format, or silence. `hang: true` sends the headers of a stream and then nothing;
 * `hang: 'before-headers'` sends nothing.
 */
export type GeminiStep =
  | { readonly text: string }
  | { readonly functionCall: { readonly name: string; readonly args: unknown } }
  | { readonly parts: readonly GeminiPart[]; readonly finishReason: string }
  | { readonly blockReason: string }
  | { readonly error: GeminiError }
  | { readonly hang: true | 'before-headers' };

export interface GeminiError {
  readonly status: number;
  /** Google's name for it: `RESOURCE_EXHAUSTED`. */
  readonly reason: string;
  readonly message: string;
  readonly details?: readonly unknown[];
  readonly headers?: Readonly<Record<string, string>>;
}

/** A running scripted model; `url` is the value of `GOOGLE_GEMINI_BASE_URL`. */
export interface ScriptedGemini extends LoopbackServer {
  /** In the order of arrival, including requests that are not to the model. */
  readonly requests: readonly ReceivedRequest[];
}

/**
 * Starts a scripted model on 127.0.0.1 and a free port. If `respond` throws, the answer is a 400, which Gemini CLI does
 * not retry, so that a mistake in a test shows immediately. Everything except `POST
 * /v1beta/models/NAME:generateContent` and `:streamGenerateContent` is a 404.
 */
export async function startScriptedGemini(
  respond: (request: GeminiRequest) => GeminiStep | Promise<GeminiStep>,
): Promise<ScriptedGemini> {
  const requests: ReceivedRequest[] = [];

  async function handle(request: ReceivedRequest, response: ServerResponse): Promise<void> {
    requests.push(request);
    const [, model, verb] =
      /^\/v1beta\/models\/([^/:]+):(generateContent|streamGenerateContent)$/.exec(request.path) ?? [];
    if (request.method !== 'POST' || model === undefined) {
      return refuse(response, 404, 'NOT_FOUND', `${request.method} ${request.path} is not scripted`);
    }
    let step: GeminiStep;
    try {
      step = await respond(request.body as GeminiRequest);
    } catch (cause) {
      const words = cause instanceof Error ? cause.message : String(cause);
      return refuse(response, 400, 'INVALID_ARGUMENT', `the script failed: ${words}`);
    }
    if ('error' in step) return refuseWith(response, step.error);
    if ('hang' in step) {
      if (step.hang === true) response.writeHead(200, { 'content-type': 'text/event-stream' }).flushHeaders();
      return;
    }
    const answer = answerOf(model, step);
    if (verb === 'generateContent') return sendJson(response, 200, answer);
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.end(`data: ${JSON.stringify(answer)}\n\n`);
  }
  return { ...(await startLoopbackServer(handle)), requests };
}

/** The results of the last function calls, in order; none unless the conversation ends with them. */
export function lastAnswers({ contents }: GeminiRequest): GeminiAnswer[] {
  const parts = contents.at(-1)?.parts ?? [];
  return parts.flatMap(({ functionResponse }) => functionResponse?.response ?? []);
}

function answerOf(
  modelVersion: string,
  step: Exclude<GeminiStep, { readonly error: GeminiError } | { readonly hang: unknown }>,
): unknown {
  const usageMetadata = { promptTokenCount: 100, candidatesTokenCount: 20, totalTokenCount: 120 };
  if ('blockReason' in step) return { promptFeedback: step, usageMetadata, modelVersion };
  const { parts, finishReason } = 'parts' in step ? step : { parts: [step], finishReason: 'STOP' };
  const content = { role: 'model', parts };
  return { candidates: [{ content, finishReason, index: 0 }], usageMetadata, modelVersion };
}

function refuseWith(
  response: ServerResponse,
  { status, reason, message, details, headers }: GeminiError,
): void {
  const error = { code: status, message, status: reason, ...(details === undefined ? {} : { details }) };
  sendJson(response, status, { error }, headers);
}

function refuse(response: ServerResponse, code: number, status: string, message: string): void {
  sendJson(response, code, { error: { code, message, status } });
}
