import assert from 'node:assert/strict';
import { after, before, describe, it, type TestContext } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { SSEClientTransport } from '@modelcontextprotocol/sdk/client/sse.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js';
import * as z from 'zod';
import type { McpLimits } from '../../../../src/presentation/http/mcp/mcp-limits.ts';
import { type HttpService, startHttp } from '../../../../src/presentation/http/server/http-service.ts';
import { serverIdentity } from '../../../../src/presentation/mcp/server/identity.ts';
import type { Registry } from '../../../../src/presentation/mcp/server/registry.ts';
import type { ToolContext } from '../../../../src/presentation/mcp/server/tool.ts';
import { openTokenProxy } from '../../../conformance/token-proxy.ts';
import { openWorkbench, runtimeWith, type Workbench } from '../../mcp/workbench.ts';
import {
  type Frame,
  framesOf,
  initialize,
  openSession,
  type Place,
  request,
  send,
  tool,
} from '../mcp-client.ts';

const token = 'right-token';
const text = (said: string) => ({ content: [{ type: 'text', text: said }] as const });

let bench: Workbench;
before(async () => {
  bench = await openWorkbench();
});
after(() => bench.close());

interface Timer {
  readonly ms: number;
  readonly fire: () => void;
}

interface Served extends Place {
  readonly service: HttpService;
  /** The running timers, in the order in which they were set. */
  readonly timers: Set<Timer>;
  readonly logged: Readonly<Record<string, unknown>>[];
  end(): void;
}

async function serve(
  t: TestContext,
  tools: Registry['tools'] | null,
  limits: Partial<McpLimits> = {},
  traced = false,
): Promise<Served> {
  const timers = new Set<Timer>();
  const logged: Readonly<Record<string, unknown>>[] = [];
  const ending = new AbortController();
  const service = await startHttp(
    {
      runtime: runtimeWith(bench.runtime, {
        logs: async () => traced,
        log: (level, message, fields) => {
          if (traced) logged.push({ level, message, ...fields });
          else bench.runtime.log(level, message, fields);
        },
      }),
      identity: serverIdentity('1.2.3'),
      projectPath: bench.root,
      ending: ending.signal,
      ...(tools === null ? {} : { loadRegistry: async () => ({ tools, resources: [], prompts: [] }) }),
      mcpLimits: {
        after(ms, fire) {
          const timer = { ms, fire };
          timers.add(timer);
          return () => timers.delete(timer);
        },
        ...limits,
      },
    },
    { host: '127.0.0.1', port: 0, token },
  );
  t.after(() => {
    ending.abort();
    return service.close(1_000);
  });
  return {
    url: service.url,
    token,
    service,
    timers,
    logged,
    end: () => ending.abort(),
  };
}

const requestInit = { headers: { authorization: `Bearer ${token}` } };

async function connect(transport: Transport): Promise<Client> {
  const client = new Client({ name: 'test', version: '1' });
  await client.connect(transport);
  return client;
}

/** A tool that reports and answers when the test says so. */
function led() {
  const begun = Promise.withResolvers<ToolContext>();
  const answer = Promise.withResolvers<void>();
  const aborted = Promise.withResolvers<void>();
  const led = tool(
    'led',
    async (_, context) => {
      context.signal.addEventListener('abort', () => aborted.resolve());
      begun.resolve(context);
      await Promise.race([answer.promise, aborted.promise]);
      return text('done');
    },
    z.strictObject({}),
  );
  const say = async (progress: number): Promise<void> => {
    (await begun.promise).notifyProgress({ progress, total: 9, message: '' });
    // One turn of the event loop to send it, because a later update may replace an unsent one.
    await turn();
  };
  return { tool: led, begun: begun.promise, say, answer: () => answer.resolve(), aborted: aborted.promise };
}

const callLed = request(1, 'tools/call', { name: 'led', arguments: {}, _meta: { progressToken: 'mine' } });

/** The content of a frame: the progress, or the text of an answer. */
function told({ message }: Frame): unknown {
  const { params, result, id } = (message ?? {}) as Record<string, Record<string, unknown>>;
  return (
    params?.progress ?? (result === undefined ? null : [id, (result.content as { text: string }[])[0]?.text])
  );
}

async function take(frames: AsyncGenerator<Frame>, count: number): Promise<Frame[]> {
  const taken: Frame[] = [];
  while (taken.length < count) {
    const { value, done } = await frames.next();
    assert.notEqual(done, true, `the stream ended after ${taken.length} events`);
    taken.push(value);
  }
  return taken;
}

for (const kind of ['Streamable HTTP', 'SSE'] as const) {
  const transportTo = ({ url }: Place): Transport =>
    kind === 'SSE'
      ? new SSEClientTransport(new URL(`${url}/sse`), { requestInit })
      : (new StreamableHTTPClientTransport(new URL(`${url}/mcp`), { requestInit }) as Transport);

  describe(`MCP over ${kind}`, () => {
    it('offers what stdio offers, runs a session and tells its progress', async (t) => {
      const served = await serve(t, null);
      const client = await connect(transportTo(served));
      assert.deepEqual(await client.listTools(), await bench.client.listTools());
      assert.deepEqual(await client.listPrompts(), await bench.client.listPrompts());
      const started = await client.callTool({
        name: 'orchestrate',
        arguments: {
          objective: 'Over HTTP.',
          agents: [{ role: 'qa', task: 'Do.', command: bench.gate(kind) }],
        },
      });
      const { session_id } = started.structuredContent as { session_id: string };
      let told = 0;
      const waited = await client.callTool({ name: 'wait-session', arguments: { session_id } }, undefined, {
        onprogress: () => {
          told += 1;
          bench.open(kind);
        },
      });
      assert.equal((waited.structuredContent as { state?: string }).state, 'completed');
      assert.ok(told > 0);
      await client.close();
    });

    it('passes on progress, and that a call was called off', async (t) => {
      const { tool, say, aborted } = led();
      const served = await serve(t, [tool]);
      const client = await connect(transportTo(served));
      const heard: number[] = [];
      const second = Promise.withResolvers<void>();
      const off = new AbortController();
      const call = client.callTool({ name: 'led', arguments: {} }, undefined, {
        signal: off.signal,
        onprogress: ({ progress }) => {
          heard.push(progress);
          if (heard.length === 2) second.resolve();
        },
      });
      const outcome = call.then(
        () => 'answered',
        () => 'called off',
      );
      await say(1);
      await say(2);
      await second.promise;
      off.abort();
      await aborted;
      assert.equal(await outcome, 'called off');
      assert.deepEqual(heard, [1, 2]);
      assert.equal((await client.listTools()).tools.length, 1);
      await client.close();
    });
  });
}

describe('/mcp', () => {
  it('resumes a broken stream where it broke off, without gap or repeat, and ends it', async (t) => {
    const { tool, say, answer } = led();
    const served = await serve(t, [tool]);
    const headers = await openSession(served);
    const off = new AbortController();
    const broken = framesOf(await send(served, 'POST', { headers, body: callLed, signal: off.signal }));
    await say(1);
    await say(2);
    const seen = await take(broken, 3);
    assert.deepEqual(seen.map(told), [null, 1, 2], 'first of all comes a place to resume from');
    off.abort();
    await say(3);
    const resume = (place: Frame | undefined) =>
      send(served, 'GET', { headers: { ...headers, 'last-event-id': place?.id ?? '' } });
    // From the middle of its events, and again while the first stream is still open.
    const first = framesOf(await resume(seen[1]));
    assert.deepEqual((await take(first, 2)).map(told), [2, 3]);
    const second = framesOf(await resume(seen[2]));
    assert.deepEqual((await take(second, 1)).map(told), [3]);
    assert.equal((await first.next()).done, true, 'the newer one takes its place');
    await say(4);
    answer();
    const rest = await take(second, 2);
    assert.deepEqual(rest.map(told), [4, [1, 'done']]);
    assert.equal((await second.next()).done, true);

    const all = framesOf(await resume(seen[0]));
    assert.deepEqual((await take(all, 5)).map(told), [1, 2, 3, 4, [1, 'done']]);
    assert.equal((await all.next()).done, true);
    assert.equal((await resume(rest[1])).status, 204, 'there is nothing to come back for');
  });

  it('lets an SDK client that loses its connection in mid-call miss nothing', async (t) => {
    const { tool, say, answer } = led();
    const served = await serve(t, [tool]);
    const proxy = await openTokenProxy(served.service.port, token);
    const client = await connect(new StreamableHTTPClientTransport(new URL(`${proxy.url}/mcp`)) as Transport);
    const heard: number[] = [];
    const second = Promise.withResolvers<void>();
    const call = client.callTool({ name: 'led', arguments: {} }, undefined, {
      onprogress: ({ progress }) => {
        heard.push(progress);
        if (heard.length === 2) second.resolve();
      },
    });
    await say(1);
    await say(2);
    await second.promise;
    await proxy.cut();
    await say(3);
    await say(4);
    answer();
    assert.deepEqual((await call).content, [{ type: 'text', text: 'done' }]);
    assert.deepEqual(heard, [1, 2, 3, 4]);
    await client.close();
    await proxy.close();
  });

  it('keeps for the first who listens what was said before, and begins with a place to resume from', async (t) => {
    const served = await serve(t, []);
    const headers = await openSession(served);
    bench.runtime.log('warn', 'said before');
    const heard = framesOf(await send(served, 'GET', { headers }));
    bench.runtime.log('warn', 'said after');
    const frames = await take(heard, 3);
    const said = frames.map(
      ({ message }) => (message?.params as { data?: { message?: string } })?.data?.message,
    );
    assert.deepEqual(said, [undefined, 'said before', 'said after']);
    assert.equal((await send(served, 'GET', { headers })).status, 409, 'one listens at a time');
    const again = framesOf(
      await send(served, 'GET', { headers: { ...headers, 'last-event-id': frames[0]?.id ?? '' } }),
    );
    assert.deepEqual(await take(again, 2), frames.slice(1));
  });

  it('goes by the version agreed upon at the beginning, whatever a request says', async (t) => {
    const served = await serve(t, []);
    const begins = async (agreed: string, named: string): Promise<string> => {
      const params = {
        protocolVersion: agreed,
        capabilities: {},
        clientInfo: { name: 'test', version: '1' },
      };
      const opened = await send(served, 'POST', { body: request(0, 'initialize', params) });
      await opened.text();
      const session = opened.headers.get('mcp-session-id') ?? '';
      const headers = { 'mcp-session-id': session, 'mcp-protocol-version': named };
      return (await send(served, 'POST', { headers, body: request(1, 'ping') })).text();
    };
    assert.match(await begins('2025-11-25', '2025-03-26'), /^id: \S+\nretry: \d+\ndata: \n\n/);
    // Older clients do not understand events without data.
    assert.match(await begins('2025-06-18', '2025-11-25'), /^event: message\n/);
  });

  it('ends the stream of a call that is called off', async (t) => {
    const { tool, begun, aborted } = led();
    const served = await serve(t, [tool]);
    const headers = await openSession(served);
    const frames = framesOf(await send(served, 'POST', { headers, body: callLed }));
    const [place] = await take(frames, 1);
    await begun;
    const body = { jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: 1 } };
    assert.equal((await send(served, 'POST', { headers, body })).status, 202);
    await aborted;
    assert.equal((await frames.next()).done, true);
    const resume = { ...headers, 'last-event-id': place?.id ?? '' };
    assert.equal((await send(served, 'GET', { headers: resume })).status, 204);
  });

  it('answers a request that it refuses under its id', async (t) => {
    const served = await serve(t, []);
    const headers = await openSession(served);
    const refused = async (body: unknown, more: Record<string, string>): Promise<readonly unknown[]> => {
      const answer = await send(served, 'POST', { headers: more, body });
      const said = (await answer.json()) as { id?: unknown; error: { code: number } };
      return [answer.status, said.error.code, said.id];
    };
    assert.deepEqual(await refused({ ...request(1, 'server/discover'), id: 'd' }, {}), [400, -32020, 'd']);
    assert.deepEqual(await refused(request(7, 'tools/list'), {}), [400, -32000, 7]);
    assert.deepEqual(await refused({ ...request(1, 'initialize'), id: 'i' }, {}), [400, -32602, 'i']);
    assert.deepEqual(await refused({ ...initialize, id: 'i' }, headers), [400, -32600, 'i']);
    assert.deepEqual(await refused({ id: 8, method: 'ping' }, headers), [400, -32600, 8]);
    const version = { ...headers, 'mcp-protocol-version': '1' };
    assert.deepEqual(await refused(request(0, 'ping'), version), [400, -32000, 0]);
    assert.deepEqual(
      await refused(request(9, 'ping'), { ...headers, accept: 'text/html' }),
      [406, -32000, 9],
    );
    const other = { 'mcp-session-id': 'another' };
    assert.deepEqual(await refused({ ...request(1, 'ping'), id: 'p' }, other), [404, -32001, 'p']);
    // A notification has no id to answer with.
    const notification = { jsonrpc: '2.0', method: 'notifications/initialized' };
    assert.deepEqual(await refused(notification, {}), [400, -32000, undefined]);
    assert.deepEqual(await refused({ jsonrpc: '2.0', id: 1, result: {} }, {}), [400, -32000, undefined]);
    assert.deepEqual(await refused(notification, version), [400, -32000, undefined]);
  });

  it('refuses what is no message, and says why', async (t) => {
    const served = await serve(t, []);
    const headers = await openSession(served);
    const refusal = async (
      method: string,
      given: Parameters<typeof send>[2],
    ): Promise<readonly unknown[]> => {
      const answer = await send(served, method, given);
      const { error } = (await answer.json()) as { error: { code: number; message: string } };
      assert.match(error.message, /\w{3}/);
      return [answer.status, error.code];
    };
    const post = (body: unknown, more: Record<string, string> = headers) =>
      refusal('POST', { headers: more, body });
    assert.deepEqual(await post('{"jsonrpc":'), [400, -32700]);
    assert.deepEqual(await post('{"jsonrpc":', {}), [400, -32700]);
    assert.deepEqual(await post([request(1, 'ping')]), [400, -32600]);
    assert.deepEqual(await post({ id: 1, method: 'ping' }), [400, -32600]);
    assert.deepEqual(await post({ jsonrpc: '2.0', id: 1, method: 'ping', params: 3 }), [400, -32602]);
    assert.deepEqual(await post({ jsonrpc: '2.0', id: 1, result: 3 }), [400, -32600]);
    assert.deepEqual(await post(request(1, 'initialize'), {}), [400, -32602]);
    assert.deepEqual(await post(initialize), [400, -32600], 'a session begins once');
    assert.deepEqual(await post(request(1, 'server/discover'), {}), [400, -32020]);
    assert.deepEqual(await post(request(1, 'ping'), {}), [400, -32000]);
    assert.deepEqual(
      await post(request(1, 'ping'), { ...headers, 'content-type': 'text/plain' }),
      [415, -32000],
    );
    assert.deepEqual(await post(request(1, 'ping'), { ...headers, accept: 'text/html' }), [406, -32000]);
    assert.deepEqual(await post(initialize, { accept: 'text/html' }), [406, -32000]);
    assert.deepEqual(
      await post(request(1, 'ping'), { ...headers, 'mcp-protocol-version': '1' }),
      [400, -32000],
    );
    assert.deepEqual(await refusal('GET', {}), [400, -32000]);
    assert.deepEqual(await refusal('PUT', { headers }), [405, -32000]);
    for (const place of ['_GET_stream:9', '_GET_stream', 'other:1', ':', 'x'.repeat(300)]) {
      assert.deepEqual(
        await refusal('GET', { headers: { ...headers, 'last-event-id': place } }),
        [400, -32600],
        place,
      );
    }
    const other = { 'mcp-session-id': 'another' };
    for (const method of ['GET', 'DELETE'])
      assert.deepEqual(await refusal(method, { headers: other }), [404, -32001]);
    assert.deepEqual(await post(request(1, 'ping'), other), [404, -32001]);
    assert.equal(
      (await send(served, 'POST', { headers, body: request(1, 'ping') })).status,
      200,
      'it goes on',
    );
  });

  it('forgets a session that is ended, or idle for too long, and no other', async (t) => {
    const { tool, begun, answer } = led();
    const served = await serve(t, [tool], { idleMs: 77 });
    const idling = () => [...served.timers].filter(({ ms }) => ms === 77);
    const ping = async (headers: Record<string, string>): Promise<number> => {
      const response = await send(served, 'POST', { headers, body: request(5, 'ping') });
      await response.text();
      return response.status;
    };
    const ended = await openSession(served);
    assert.equal((await send(served, 'DELETE', { headers: ended })).status, 200);
    assert.equal(await ping(ended), 404);
    assert.equal(idling().length, 0);

    const idle = await openSession(served);
    const listening = await openSession(served);
    const calling = await openSession(served);
    const off = new AbortController();
    const stream = await send(served, 'GET', { headers: listening, signal: off.signal });
    const left = new AbortController();
    await send(served, 'POST', { headers: calling, body: callLed, signal: left.signal });
    await begun;
    // The client disconnects, but the call continues.
    left.abort();
    const [timer, ...others] = idling();
    assert.equal(others.length, 0);
    timer?.fire();
    assert.equal(await ping(idle), 404);
    assert.equal(await ping(listening), 200);
    answer();
    assert.equal(stream.bodyUsed, false, 'kept until here, for fetch ends a stream that nobody refers to');
    off.abort();
    while (idling().length < 2) await turn();
    for (const each of idling()) each.fire();
    assert.deepEqual([await ping(listening), await ping(calling)], [404, 404]);
  });

  it('lets the session go that was idle for longest when there are too many, and refuses when none is', async (t) => {
    const served = await serve(t, [], { maxSessions: 2 });
    const ping = async (headers: Record<string, string>): Promise<number> => {
      const response = await send(served, 'POST', { headers, body: request(5, 'ping') });
      await response.text();
      return response.status;
    };
    const [first, second] = [await openSession(served), await openSession(served)];
    assert.equal(await ping(first), 200);
    const third = await openSession(served);
    assert.deepEqual([await ping(first), await ping(second), await ping(third)], [200, 404, 200]);
    // Kept referenced, because fetch ends the stream of an unreferenced response.
    const listening = [
      await send(served, 'GET', { headers: first }),
      await send(served, 'GET', { headers: third }),
    ];
    const refused = await send(served, 'POST', { body: initialize });
    assert.deepEqual([refused.status, refused.headers.get('retry-after')], [503, '5']);
    for (const { body } of listening) await body?.cancel();
  });

  it('sends comments while there is nothing else', async (t) => {
    const served = await serve(t, [], { keepAliveMs: 1 });
    const headers = await openSession(served);
    const streams = [
      await send(served, 'GET', { headers }),
      await fetch(`${served.url}/sse`, { headers: requestInit.headers }),
    ];
    for (const { body } of streams) {
      let heard = '';
      for await (const chunk of body as AsyncIterable<Uint8Array>) {
        heard += new TextDecoder().decode(chunk);
        if (heard.includes('\n\n: keepalive\n\n')) break;
      }
      assert.match(heard, /: keepalive/);
    }
  });

  it('lets calls come back and ends every stream when the server ends', async (t) => {
    const { tool, begun } = led();
    const served = await serve(t, [tool]);
    const headers = await openSession(served);
    const general = framesOf(await send(served, 'GET', { headers }));
    const old = framesOf(await fetch(`${served.url}/sse`, { headers: requestInit.headers }));
    const call = framesOf(await send(served, 'POST', { headers, body: callLed }));
    await begun;
    served.end();
    assert.deepEqual((await take(call, 2)).map(told), [null, [1, 'done']]);
    for (const stream of [general, old, call]) for await (const _ of stream);
    assert.equal((await send(served, 'POST', { body: initialize })).status, 503);
  });

  it('shows the trace every message, and which session it belongs to', async (t) => {
    const served = await serve(t, [], {}, true);
    const headers = await openSession(served);
    await (await send(served, 'POST', { headers, body: request(4, 'ping') })).text();
    await send(served, 'POST', { headers, body: '{' });
    const records = served.logged.filter(({ message }) => message === 'mcp message');
    const mcpSession = headers['mcp-session-id'].slice(0, 8);
    assert.deepEqual(
      records.map(({ direction, kind, method, id, mcpSession: of }) => [direction, kind, method, id, of]),
      [
        ['in', 'request', 'initialize', 0, mcpSession],
        ['out', 'response', undefined, 0, mcpSession],
        ['in', 'request', 'ping', 4, mcpSession],
        ['out', 'response', undefined, 4, mcpSession],
        ['in', 'other', undefined, undefined, mcpSession],
      ],
    );
  });
});

describe('/sse and /messages', () => {
  it('refuse what is no message and sessions that are over', async (t) => {
    const served = await serve(t, [], { maxSessions: 1 });
    const post = async (path: string, body: string): Promise<readonly unknown[]> => {
      const headers = { ...requestInit.headers, 'content-type': 'application/json' };
      const answer = await fetch(`${served.url}${path}`, { method: 'POST', headers, body });
      const said = await answer.text();
      return [answer.status, said === '' ? null : JSON.parse(said).error.code];
    };
    const off = new AbortController();
    const stream = await fetch(`${served.url}/sse`, { headers: requestInit.headers, signal: off.signal });
    const chunks = (stream.body as ReadableStream<Uint8Array>).getReader();
    const opening = new TextDecoder().decode((await chunks.read()).value);
    const path = /^event: endpoint\ndata: (\S+)\nretry: 1000\n\n$/.exec(opening)?.[1] ?? '';
    assert.deepEqual(await post(path, JSON.stringify(request(1, 'ping'))), [202, null]);
    assert.match(new TextDecoder().decode((await chunks.read()).value), /^event: message\ndata: \{.*"id":1/);
    assert.deepEqual(await post(path, '{'), [400, -32700]);
    assert.deepEqual(await post('/messages', '{}'), [404, -32001]);
    assert.deepEqual(await post('/messages?sessionId=another', '{}'), [404, -32001]);
    const full = await fetch(`${served.url}/sse`, { headers: requestInit.headers });
    assert.equal(full.status, 503);
    off.abort();
    while ((await post(path, '{}'))[0] !== 404) await turn();
    // A place is free again.
    assert.equal((await fetch(`${served.url}/sse`, { headers: requestInit.headers })).status, 200);
  });
});
