import type { Tool } from '../../../src/presentation/mcp/server/tool.ts';

/** MCP over HTTP without an SDK, to test the exact content of the connection. */

export interface Frame {
  readonly id: string;
  /** Null: the event has no data. */
  readonly message: Readonly<Record<string, unknown>> | null;
}

export interface Place {
  readonly url: string;
  readonly token: string;
}

export const version = '2025-11-25';

export function send(
  { url, token }: Place,
  method: string,
  {
    headers = {},
    body,
    signal,
  }: { headers?: Record<string, string>; body?: unknown; signal?: AbortSignal } = {},
): Promise<Response> {
  return fetch(`${url}/mcp`, {
    method,
    headers: {
      authorization: `Bearer ${token}`,
      accept: 'application/json, text/event-stream',
      'mcp-protocol-version': version,
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...headers,
    },
    ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    ...(signal === undefined ? {} : { signal }),
  });
}

export function request(id: number, method: string, params: object = {}): object {
  return { jsonrpc: '2.0', id, method, params };
}

export const initialize = request(0, 'initialize', {
  protocolVersion: version,
  capabilities: {},
  clientInfo: { name: 'test', version: '1' },
});

/** @returns the header that names the new session */
export async function openSession(place: Place): Promise<{ 'mcp-session-id': string }> {
  const answer = await send(place, 'POST', { body: initialize });
  await answer.text();
  return { 'mcp-session-id': answer.headers.get('mcp-session-id') ?? '' };
}

export async function* framesOf(response: Response): AsyncGenerator<Frame> {
  let rest = '';
  const decoder = new TextDecoder();
  for await (const chunk of response.body as AsyncIterable<Uint8Array>) {
    const parts = (rest + decoder.decode(chunk, { stream: true })).split('\n\n');
    rest = parts.pop() ?? '';
    for (const part of parts) {
      const id = /^id: (.*)$/m.exec(part)?.[1];
      const data = /^data: (.*)$/m.exec(part)?.[1] ?? '';
      if (id !== undefined) yield { id, message: data === '' ? null : JSON.parse(data) };
    }
  }
}

/** A tool without input, with which the test observes a call. */
export function tool(name: string, call: Tool['call'], input: Tool['input']): Tool {
  return {
    name,
    title: name,
    description: name,
    input,
    annotations: { readOnlyHint: true, openWorldHint: false },
    call,
  };
}
