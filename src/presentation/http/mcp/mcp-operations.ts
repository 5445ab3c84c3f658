import { JSONRPCMessageSchema } from '@modelcontextprotocol/sdk/types.js';
import * as z from 'zod';
import { protocolVersions } from '../../mcp/transport/handshake.ts';
import { lastSeenSchema } from '../events/event-schemas.ts';
import { errorsOf, type Operation } from '../server/openapi.ts';

/** The transports of MCP. What the messages say is MCP's own to describe: these carry them. */

/** What the SDK checks its messages with; `params` and results depend on the method. */
const messageSchema = JSONRPCMessageSchema.meta({ id: 'JsonRpcMessage' });

/** An error of the transport. Its id is that of the request, where it is known. */
const errorSchema = z
  .strictObject({
    jsonrpc: z.literal('2.0'),
    id: z.union([z.string(), z.int()]).nullish(),
    error: z.strictObject({ code: z.int(), message: z.string(), data: z.unknown().optional() }),
  })
  .meta({ id: 'JsonRpcError' });

const versions = protocolVersions.join(', ');
const sessionId = z.string();
const version = z.string().optional().describe(`One of ${versions}; the one agreed upon counts`);
const eventStream = { 'text/event-stream': messageSchema };
const named = {
  'Mcp-Session-Id': sessionId.describe('As the answer to initialize named it'),
  'MCP-Protocol-Version': version,
};
const given = { 'Mcp-Session-Id': sessionId };
const accept = (types: string) => z.string().describe(`Has to name ${types}`);

/** Streamable HTTP. */
export const mcpOperations = [
  {
    ...{ method: 'post', path: '/mcp', id: 'mcpSend', tag: 'mcp', summary: 'Send a message of MCP' },
    description:
      'Streamable HTTP of MCP 2025-11-25. The request `initialize`, without Mcp-Session-Id, opens a session. No batches.',
    headers: {
      ...named,
      'Mcp-Session-Id': sessionId.optional().describe('Of all messages but initialize'),
      Accept: accept('application/json and text/event-stream'),
    },
    body: messageSchema,
    answers: {
      200: {
        description: 'To a request: messages that belong to it, then its answer',
        content: eventStream,
        headers: given,
      },
      202: { description: 'A notification or an answer was taken' },
    },
    errors: errorsOf(errorSchema, 400, 404, 406, 415, 503),
  },
  {
    ...{ method: 'get', path: '/mcp', id: 'mcpListen', tag: 'mcp', summary: 'Listen, or go on listening' },
    description:
      'With Last-Event-ID the stream that this event was of goes on; without, what belongs to no request.',
    headers: { ...named, 'Last-Event-ID': lastSeenSchema, Accept: accept('text/event-stream') },
    answers: {
      200: { description: 'Messages of the server', content: eventStream, headers: given },
      204: { description: 'This stream has ended, and all of it was seen' },
    },
    errors: errorsOf(errorSchema, 400, 404, 406, 409, 500),
  },
  {
    ...{ method: 'delete', path: '/mcp', id: 'mcpEnd', tag: 'mcp', summary: 'End a session' },
    headers: named,
    answers: { 200: { description: 'It has ended' } },
    errors: errorsOf(errorSchema, 400, 404),
  },
] as const satisfies readonly Operation[];

/** The transport of MCP 2024-11-05. */
export const sseOperations = [
  {
    ...{ method: 'get', path: '/sse', id: 'sseListen', tag: 'mcp', summary: 'Open a session, the older way' },
    description: 'HTTP with SSE of MCP 2024-11-05. The session is over when the stream is.',
    answers: {
      200: {
        description:
          'First the event `endpoint`: where messages are to be sent. Then messages of the server.',
        content: { 'text/event-stream': z.union([z.string(), messageSchema]) },
      },
    },
    errors: errorsOf(errorSchema, 503),
  },
  {
    ...{
      method: 'post',
      path: '/messages',
      id: 'sseSend',
      tag: 'mcp',
      summary: 'Send a message, the older way',
    },
    query: z.object({ sessionId: sessionId.describe('As the event `endpoint` named it') }),
    body: messageSchema,
    answers: { 202: { description: 'It was taken; what is answered comes over the stream' } },
    errors: errorsOf(errorSchema, 400, 404, 415),
  },
] as const satisfies readonly Operation[];
