import assert from 'node:assert/strict';
import { after, before, describe, it, type TestContext } from 'node:test';
import * as z from 'zod';
import type { McpLimits } from '../../../../src/presentation/http/mcp/mcp-limits.ts';
import { startHttp } from '../../../../src/presentation/http/server/http-service.ts';
import { serverIdentity } from '../../../../src/presentation/mcp/server/identity.ts';
import type { Registry } from '../../../../src/presentation/mcp/server/registry.ts';
import type { ToolContext } from '../../../../src/presentation/mcp/server/tool.ts';
import { modernRequest } from '../../mcp/modern/meta.ts';
import { openWorkbench, type Workbench } from '../../mcp/workbench.ts';
import { initialize, openSession, type Place, request, send, tool } from '../mcp-client.ts';

let bench: Workbench;
before(async () => {
  bench = await openWorkbench();
});
after(() => bench.close());

async function serve(t: TestContext, tools: Registry['tools'] | null, limits: Partial<McpLimits> = {}) {
  const ending = new AbortController();
  const service = await startHttp(
    {
      ...{
        runtime: bench.runtime,
        identity: serverIdentity('1.2.3'),
        projectPath: bench.root,
        ending: ending.signal,
      },
      ...(tools === null ? {} : { loadRegistry: async () => ({ tools, resources: [], prompts: [] }) }),
      mcpLimits: limits,
    },
    { host: '127.0.0.1', port: 0, token: 'right-token' },
  );
  t.after(() => {
    ending.abort();
    return service.close(1_000);
  });
  return { url: service.url, token: 'right-token', ending };
}

/** Sends a request with the headers that repeat it; `headers` replace them, null removes one. */
function post(
  place: Place,
  body: ReturnType<typeof modernRequest>,
  headers: Readonly<Record<string, string | null>> = {},
  signal?: AbortSignal,
): Promise<Response> {
  const { name, uri } = (body.params ?? {}) as { readonly name?: string; readonly uri?: string };
  const all: Record<string, string | null> = {
    authorization: `Bearer ${place.token}`,
    accept: 'application/json, text/event-stream',
    'content-type': 'application/json',
    'mcp-protocol-version': '2026-07-28',
    'mcp-method': body.method,
    'mcp-name': name ?? uri ?? null,
    ...headers,
  };
  const given = Object.entries(all).filter((entry): entry is [string, string] => entry[1] !== null);
  return fetch(`${place.url}/mcp`, {
    method: 'POST',
    headers: given,
    body: JSON.stringify(body),
    ...(signal === undefined ? {} : { signal }),
  });
}

const nothing = z.strictObject({});

async function refusal(response: Response): Promise<readonly unknown[]> {
  const { error, id } = (await response.json()) as {
    readonly id: unknown;
    readonly error: { readonly code: number };
  };
  return [response.status, error.code, id];
}

describe('a request of MCP 2026-07-28 over HTTP', () => {
  it('needs no session, and is answered with JSON', async (t) => {
    const place = await serve(t, null);
    const response = await post(place, modernRequest(1, 'tools/list'), {
      'mcp-session-id': 'of an older client',
    });
    assert.equal(response.status, 200);
    assert.match(response.headers.get('content-type') ?? '', /^application\/json/);
    assert.equal(response.headers.get('mcp-session-id'), null);
    const { id, result } = (await response.json()) as {
      id: number;
      result: { tools: unknown[]; resultType: string };
    };
    assert.deepEqual([id, result.tools.length, result.resultType], [1, 10, 'complete']);
  });

  it('is refused when a header is missing or does not repeat the body', async (t) => {
    const place = await serve(t, null);
    const call = modernRequest('c', 'tools/call', { name: 'list-roles' });
    const wrong: readonly Readonly<Record<string, string | null>>[] = [
      { 'mcp-protocol-version': null },
      { 'mcp-protocol-version': '2025-11-25' },
      { 'mcp-method': null },
      { 'mcp-method': 'TOOLS/CALL' },
      { 'mcp-name': null },
      { 'mcp-name': 'list-session' },
      { 'mcp-name': '=?base64?!?=' },
    ];
    for (const headers of wrong) {
      assert.deepEqual(
        await refusal(await post(place, call, headers)),
        [400, -32020, 'c'],
        JSON.stringify(headers),
      );
    }
    const encoded = `=?base64?${Buffer.from('list-roles').toString('base64')}?=`;
    assert.equal((await post(place, call, { 'mcp-name': encoded })).status, 200);
    assert.equal((await post(place, call, { 'mcp-name': ' list-roles ' })).status, 200);
  });

  it('has the status that the specification gives its error', async (t) => {
    const place = await serve(t, null);
    const version = 'io.modelcontextprotocol/protocolVersion';
    const of = (id: string, method: string, _meta: object = {}) => modernRequest(id, method, { _meta });
    const unknown = of('v', 'tools/list', { [version]: '2027-01-01' });
    assert.deepEqual(await refusal(await post(place, unknown, { 'mcp-protocol-version': '2027-01-01' })), [
      400,
      -32022,
      'v',
    ]);
    const bare = { jsonrpc: '2.0' as const, id: 'm', method: 'tools/list', params: {} };
    assert.deepEqual(await refusal(await post(place, bare)), [400, -32602, 'm']);
    assert.deepEqual(await refusal(await post(place, of('n', 'ping'))), [404, -32601, 'n']);
    assert.deepEqual(await refusal(await post(place, of('i', 'initialize'))), [404, -32601, 'i']);
    const call = modernRequest('u', 'tools/call', { name: 'nothing' });
    assert.deepEqual(await refusal(await post(place, call)), [200, -32602, 'u']);
  });

  it('is a stream when something is said before the answer', async (t) => {
    const place = await serve(t, [
      tool(
        'slow',
        async (_, { notifyProgress }: ToolContext) => {
          notifyProgress({ progress: 1, total: 2, message: 'half' });
          return { content: [{ type: 'text', text: 'done' }] };
        },
        nothing,
      ),
    ]);
    const response = await post(
      place,
      modernRequest(1, 'tools/call', { name: 'slow', arguments: {}, _meta: { progressToken: 'p' } }),
    );
    assert.equal(response.headers.get('content-type'), 'text/event-stream');
    assert.equal(response.headers.get('x-accel-buffering'), 'no');
    const text = await response.text();
    assert.doesNotMatch(text, /^id:/m);
    const messages = [...text.matchAll(/^data: (.*)$/gm)].map(([, data]) => JSON.parse(data as string));
    assert.deepEqual(
      messages.map(({ method, id }) => method ?? id),
      ['notifications/progress', 1],
    );
  });

  it('is cancelled by closing the response, before it has begun and after', async (t) => {
    const begun = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const aborted = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const place = await serve(t, [
      tool(
        'endless',
        async (args, { signal, notifyProgress }: ToolContext) => {
          const { n } = args as { readonly n: 0 | 1 };
          if (n === 1) notifyProgress({ progress: 1, total: 2, message: 'begun' });
          begun[n]?.resolve();
          await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()));
          aborted[n]?.resolve();
          return { content: [] };
        },
        z.strictObject({ n: z.number() }),
      ),
    ]);
    for (const n of [0, 1]) {
      const leave = new AbortController();
      const body = modernRequest(n, 'tools/call', {
        name: 'endless',
        arguments: { n },
        _meta: { progressToken: n },
      });
      const response = post(place, body, {}, leave.signal);
      const answered = response.then(
        () => true,
        () => false,
      );
      await (n === 1 ? response : begun[n]?.promise);
      leave.abort();
      await aborted[n]?.promise;
      assert.equal(await answered, n === 1);
    }
  });

  it('stays open for changes, with signs of life, until the server ends', async (t) => {
    const place = await serve(t, null, { keepAliveMs: 20 });
    const notifications = { resourceSubscriptions: ['maos://sessions'] };
    const response = await post(place, modernRequest('s', 'subscriptions/listen', { notifications }));
    let text = '';
    const decoder = new TextDecoder();
    for await (const chunk of response.body as unknown as AsyncIterable<Uint8Array>) {
      text += decoder.decode(chunk, { stream: true });
      if (text.includes(': keepalive')) place.ending.abort();
    }
    const messages = [...text.matchAll(/^data: (.*)$/gm)].map(([, data]) => JSON.parse(data as string));
    assert.equal(messages[0].method, 'notifications/subscriptions/acknowledged');
    assert.deepEqual([messages.at(-1).id, messages.at(-1).result.resultType], ['s', 'complete']);
  });

  it('is told from an older one by its body, then by its header, unless a session is named', async (t) => {
    const place = await serve(t, null);
    const session = await openSession(place);
    const headers = { 'mcp-protocol-version': '2026-07-28', 'mcp-method': 'tools/list' };
    const bare = request(1, 'tools/list');
    const kinds: [what: string, response: Promise<Response>, status: number, code?: number][] = [
      ['a claim in the body, and a session', post(place, modernRequest(1, 'tools/list'), session), 200],
      ['the header alone', send(place, 'POST', { headers, body: bare }), 400, -32602],
      [
        'a later version in the header',
        send(place, 'POST', { headers: { ...headers, 'mcp-protocol-version': '2027-01-01' }, body: bare }),
        400,
        -32602,
      ],
      [
        'the header, and a session',
        send(place, 'POST', { headers: { ...headers, ...session }, body: bare }),
        400,
        -32000,
      ],
      [
        'nothing',
        send(place, 'POST', { headers: { 'mcp-protocol-version': '2025-11-25' }, body: bare }),
        400,
        -32000,
      ],
      ['GET', send(place, 'GET', { headers }), 400, -32000],
      ['DELETE', send(place, 'DELETE', { headers }), 400, -32000],
    ];
    for (const [what, response, status, code] of kinds) {
      const got = await response;
      const { error } = (await got.json()) as { readonly error?: { readonly code: number } };
      assert.deepEqual([got.status, error?.code], [status, code], what);
    }
  });

  it('gets every list in the same order, whoever asks and whatever was called before', async (t) => {
    const [one, other] = [await serve(t, null), await serve(t, null)];
    const methods = ['tools/list', 'prompts/list', 'resources/templates/list', 'resources/list'];
    const listsOf = (place: Place) =>
      Promise.all(methods.map(async (method) => (await post(place, modernRequest(1, method))).text()));
    const lists = await listsOf(one);
    await post(one, modernRequest(2, 'tools/call', { name: 'list-sessions', arguments: {} }));
    assert.deepEqual(await listsOf(one), lists);
    assert.deepEqual(
      (await listsOf(other)).map((text) => JSON.parse(text).result),
      lists.map((text) => JSON.parse(text).result),
    );
  });

  it('does not disturb a session of an older version on the same endpoint', async (t) => {
    const place = await serve(t, null);
    const session = await openSession(place);
    assert.equal((await post(place, modernRequest(1, 'tools/list'))).status, 200);
    const listed = await send(place, 'POST', { headers: session, body: request(1, 'tools/list') });
    assert.match(await listed.text(), /"orchestrate"/);
    assert.equal((await send(place, 'POST', { body: initialize })).status, 200);
  });
});
