import { JSONRPCMessageSchema } from '@modelcontextprotocol/sdk/types.js';
import * as z from 'zod';
import { protocolVersions } from '../../mcp/transport/handshake.ts';
import { lastSeenSchema } from '../events/event-schemas.ts';
import { errorsOf, type Operation } from '../server/openapi.ts';

/** Endpoints of the MCP transports. They carry messages, whose content MCP itself specifies. */

/** The schema that the SDK validates messages with; `params` and results depend on the method. */
const messageSchema = JSONRPCMessageSchema.meta({ id: 'JsonRpcMessage' });

/** An error of the transport, with the id of the request if it is known. */
const errorSchema = z
  .strictObject({
    jsonrpc: z.literal('2.0'),
    id: z.union([z.string(), z.int()]).nullish(),
    error: z.strictObject({ code: z.int(), message: z.string(), data: z.unknown().optional() }),
  })
  .meta({ id: 'JsonRpcError' });

const versions = protocolVersions.join(', ');
const sessionId = z.string();
const version = z.string().optional().describe(`One of ${versions}; the negotiated version applies`);
const eventStream = { 'text/event-stream': messageSchema };
const named = {
  'Mcp-Session-Id': sessionId.describe('From the response to initialize'),
  'MCP-Protocol-Version': version,
};
const given = { 'Mcp-Session-Id': sessionId };
const accept = (types: string) => z.string().describe(`Must include ${types}`);

/** Streamable HTTP. */
export const mcpOperations = [
  {
    ...{ method: 'post', path: '/mcp', id: 'mcpSend', tag: 'mcp', summary: 'Send an MCP message' },
    description:
      'Streamable HTTP. A request of MCP 2026-07-28, which names its version in `_meta`, needs no session; headers repeat its version, method and name. In the older versions, the request `initialize`, without Mcp-Session-Id, opens a session. Batches are not supported.',
    headers: {
      ...named,
      'Mcp-Session-Id': sessionId
        .optional()
        .describe('In the versions before 2026-07-28, required for all messages except initialize'),
      'Mcp-Method': z.string().optional().describe('In 2026-07-28: the method'),
      'Mcp-Name': z
        .string()
        .optional()
        .describe(
          'In 2026-07-28: `params.name` or `params.uri` of tools/call, prompts/get and resources/read',
        ),
      Accept: accept('application/json and text/event-stream'),
    },
    body: messageSchema,
    answers: {
      200: {
        description: 'For a request: related messages, then the response',
        content: { ...eventStream, 'application/json': messageSchema },
        headers: given,
      },
      202: { description: 'The notification or response was accepted' },
    },
    errors: errorsOf(errorSchema, 400, 404, 406, 415, 503),
  },
  {
    ...{ method: 'get', path: '/mcp', id: 'mcpListen', tag: 'mcp', summary: 'Open or resume a stream' },
    description:
      'With Last-Event-ID, resumes the stream of that event; without it, sends messages that belong to no request.',
    headers: { ...named, 'Last-Event-ID': lastSeenSchema, Accept: accept('text/event-stream') },
    answers: {
      200: { description: 'Messages from the server', content: eventStream, headers: given },
      204: { description: 'The stream has ended and was received completely' },
    },
    errors: errorsOf(errorSchema, 400, 404, 406, 409, 500),
  },
  {
    ...{ method: 'delete', path: '/mcp', id: 'mcpEnd', tag: 'mcp', summary: 'End a session' },
    headers: named,
    answers: { 200: { description: 'The session has ended' } },
    errors: errorsOf(errorSchema, 400, 404),
  },
] as const satisfies readonly Operation[];

/** The transport of MCP 2024-11-05. */
export const sseOperations = [
  {
    ...{
      method: 'get',
      path: '/sse',
      id: 'sseListen',
      tag: 'mcp',
      summary: 'Open a session (older transport)',
    },
    description: 'HTTP with SSE of MCP 2024-11-05. The session ends with the stream.',
    answers: {
      200: {
        description: 'First the event `endpoint` with the URL for messages, then messages from the server.',
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
      summary: 'Send a message (older transport)',
    },
    query: z.object({ sessionId: sessionId.describe('From the event `endpoint`') }),
    body: messageSchema,
    answers: { 202: { description: 'Accepted; the response arrives on the stream' } },
    errors: errorsOf(errorSchema, 400, 404, 415),
  },
] as const satisfies readonly Operation[];
