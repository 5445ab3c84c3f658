import type { JSONRPCMessage, RequestId } from '@modelcontextprotocol/sdk/types.js';
import type { Context } from 'hono';
import { checkMessage, errorAnswer, errorCode, notJson } from '../../mcp/transport/json-rpc.ts';
import type { MessageTrace } from '../../mcp/transport/trace.ts';

/** MCP does not define error codes for HTTP; these are the SDK's. */
export const httpError = { refused: -32000, noSession: -32001 } as const;

/** The message in a POST body, or the error response for an invalid one. */
export async function readMessage(
  context: Context,
  trace: MessageTrace | null,
): Promise<JSONRPCMessage | Response> {
  if (!/^application\/json *(;|$)/i.test(context.req.header('content-type') ?? '')) {
    return context.json(errorAnswer(httpError.refused, 'Content-Type must be application/json.'), 415);
  }
  const text = await context.req.text();
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    trace?.received(text);
    return context.json(notJson('the body is not JSON').answer, 400);
  }
  trace?.received(text, value);
  const checked = checkMessage(value);
  if ('message' in checked) return checked.message;
  const { answer, problem } = checked.complaint;
  return context.json(answer ?? errorAnswer(errorCode.invalidRequest, `Invalid request: ${problem}.`), 400);
}

/** The id of a request, which error responses need too: clients that read the body wait for it. */
export function requestIdOf(message: JSONRPCMessage | null): RequestId | undefined {
  return message !== null && 'method' in message && 'id' in message ? message.id : undefined;
}

/** @param next advice for the client */
export function noSuchSession(context: Context, next: string, id?: RequestId): Response {
  const why = 'There is no such MCP session: it ended, expired, or MAOS was restarted.';
  return context.json(errorAnswer(httpError.noSession, `${why} ${next}`, id), 404);
}

export function tooManySessions(context: Context, id?: RequestId): Response {
  context.header('Retry-After', '5');
  const why = 'The limit of MCP sessions is reached: end one, or wait as given in Retry-After.';
  return context.json(errorAnswer(httpError.refused, why, id), 503);
}
