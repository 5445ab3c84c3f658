import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { JSONRPCMessage, JSONRPCRequest } from '@modelcontextprotocol/sdk/types.js';
import { ModernServer } from '../../../../src/presentation/mcp/modern/modern-server.ts';
import { serverIdentity } from '../../../../src/presentation/mcp/server/identity.ts';
import { InputNeeded } from '../../../../src/presentation/mcp/server/input-needed.ts';
import { type Registry, registry } from '../../../../src/presentation/mcp/server/registry.ts';
import type { Tool } from '../../../../src/presentation/mcp/server/tool.ts';
import { askingTools } from '../../../conformance/asking-tools.ts';
import { openWorkbench, type Workbench } from '../workbench.ts';
import { meta, modernRequest } from './meta.ts';

type Result = Readonly<Record<string, unknown>> & {
  readonly _meta?: Readonly<Record<string, unknown>> | undefined;
};
type Failure = {
  readonly code: number;
  readonly message: string;
  readonly data?: Readonly<Record<string, unknown>>;
};

const serverInfoKey = 'io.modelcontextprotocol/serverInfo';

let bench: Workbench;
before(async () => {
  bench = await openWorkbench();
});
after(() => bench.close());

function serve(loadRegistry?: () => Promise<Registry>) {
  const ending = new AbortController();
  const server = new ModernServer({
    ...{
      runtime: bench.runtime,
      identity: serverIdentity('1.2.3'),
      projectPath: bench.root,
      ending: ending.signal,
    },
    ...(loadRegistry === undefined ? {} : { loadRegistry }),
  });
  const answer = async (
    request: JSONRPCRequest,
    told: Pick<JSONRPCMessage[], 'push'> = [],
    signal = new AbortController().signal,
  ): Promise<JSONRPCMessage | null> =>
    server.answer(request, {
      signal,
      tell: async (message) => {
        told.push(message);
      },
    });
  return {
    ending,
    answer,
    async result(request: JSONRPCRequest, told?: JSONRPCMessage[]): Promise<Result> {
      const said = await answer(request, told);
      assert.ok(said !== null && 'result' in said, JSON.stringify(said));
      return said.result;
    },
    async failure(request: JSONRPCRequest): Promise<Failure> {
      const said = await answer(request);
      assert.ok(said !== null && 'error' in said, JSON.stringify(said));
      assert.equal(said.id, request.id);
      return said.error as Failure;
    },
  };
}

const withTools = (...tools: Tool[]) => serve(async () => ({ tools, resources: [], prompts: [] }));

function tool(name: string, call: Tool['call']): Tool {
  const [sample] = askingTools;
  return { ...(sample as Tool), name, title: name, call };
}

describe('a request of MCP 2026-07-28', () => {
  it('is refused, in the order of the specification, when it does not say what it must', async () => {
    const { failure } = serve();
    const [version, capabilities] = Object.keys(meta) as [string, string];
    const bare = (given: object | undefined): JSONRPCRequest => ({
      jsonrpc: '2.0',
      id: 'x',
      method: 'nothing/known',
      params: (given === undefined ? {} : { _meta: given }) as Record<string, unknown>,
    });
    for (const wrong of [undefined, {}, { [version]: 20260728 }]) {
      const { code, message } = await failure(bare(wrong));
      assert.equal(code, -32602);
      assert.match(message, /protocolVersion/);
    }
    const old = await failure(bare({ [version]: '2025-11-25' }));
    assert.equal(old.code, -32022);
    assert.equal(old.data?.requested, '2025-11-25');
    assert.deepEqual(old.data?.supported, [
      ...['2026-07-28', '2025-11-25', '2025-06-18', '2025-03-26', '2024-11-05', '2024-10-07'],
    ]);
    const unable = await failure(bare({ [version]: '2026-07-28', [capabilities]: [] }));
    assert.equal(unable.code, -32602);
    assert.match(unable.message, /clientCapabilities/);
    const loud = await failure(bare({ ...meta, 'io.modelcontextprotocol/logLevel': 'shout' }));
    assert.equal(loud.code, -32602);
    assert.match(loud.message, /logLevel.*debug, info/);
    assert.equal((await failure(bare(meta))).code, -32601);
  });

  it('has none of the methods that the version removed', async () => {
    const { failure } = serve();
    for (const method of [
      'initialize',
      'ping',
      'logging/setLevel',
      'resources/subscribe',
      'resources/unsubscribe',
    ]) {
      const { code, message } = await failure(modernRequest(1, method));
      assert.deepEqual([code, message], [-32601, `Method not found: ${method}`]);
    }
    assert.equal((await failure(modernRequest(1, 'toString'))).code, -32601);
  });

  it('gets a result that is complete, names the server, and says how long it may be kept', async () => {
    const { result } = serve();
    const listed = { ttlMs: 3_600_000, cacheScope: 'public' };
    const read = { ttlMs: 0, cacheScope: 'private' };
    const expected: readonly (readonly [JSONRPCRequest, object | null])[] = [
      [modernRequest(1, 'server/discover'), listed],
      [modernRequest(2, 'tools/list'), listed],
      [modernRequest(3, 'prompts/list'), listed],
      [modernRequest(4, 'resources/templates/list'), listed],
      [modernRequest(5, 'resources/list'), read],
      [modernRequest(6, 'resources/read', { uri: 'maos://roles' }), read],
      [modernRequest(7, 'tools/call', { name: 'list-sessions', arguments: {} }), null],
      [modernRequest(8, 'prompts/get', { name: 'feature', arguments: { description: 'x' } }), null],
    ];
    for (const [request, hints] of expected) {
      const { resultType, _meta, ttlMs, cacheScope } = await result(request);
      assert.equal(resultType, 'complete', request.method);
      assert.deepEqual(_meta?.[serverInfoKey], { name: 'maos', title: 'MAOS', version: '1.2.3' });
      assert.deepEqual(
        hints === null ? undefined : { ttlMs, cacheScope },
        hints ?? undefined,
        request.method,
      );
    }
  });

  it('finds what the server offers, without what the version deprecates', async () => {
    const { result } = serve();
    const { capabilities, supportedVersions, instructions } = await result(
      modernRequest(1, 'server/discover'),
    );
    assert.deepEqual(capabilities, {
      tools: {},
      resources: { subscribe: true },
      prompts: {},
      completions: {},
    });
    assert.equal((supportedVersions as string[])[0], '2026-07-28');
    assert.match(String(instructions), /orchestrate/);
  });

  it('lists the same tools as the versions with a handshake', async () => {
    const { result } = serve();
    const { tools } = await result(modernRequest(1, 'tools/list'));
    assert.deepEqual(tools, (await bench.client.listTools()).tools);
  });

  it('hears in words what is wrong, and of no resource that it is missing', async () => {
    const { failure } = serve();
    const malformed = await failure(modernRequest(1, 'tools/call', { arguments: {} }));
    assert.equal(malformed.code, -32602);
    assert.match(malformed.message, /^tools\/call: name is missing/);
    const missing = await failure(modernRequest(1, 'resources/read', { uri: 'maos://nothing' }));
    assert.deepEqual([missing.code, missing.data], [-32602, { uri: 'maos://nothing' }]);
    const { tools } = registry;
    const unknown = await failure(modernRequest(1, 'tools/call', { name: 'orchestrat' }));
    assert.equal(unknown.code, -32602);
    assert.match(
      unknown.message,
      new RegExp(`^Unknown tool: "orchestrat"\\. There are: ${tools[0]?.name}, `),
    );
  });

  it('hears progress with its own token, and only if it asked', async () => {
    const told: JSONRPCMessage[] = [];
    const { result } = withTools(
      tool('slow', async (_, { notifyProgress }) => {
        notifyProgress({ progress: 1, total: 2, message: 'half' });
        return { content: [] };
      }),
    );
    await result(modernRequest(1, 'tools/call', { name: 'slow' }), told);
    assert.deepEqual(told, []);
    await result(modernRequest(2, 'tools/call', { name: 'slow', _meta: { progressToken: 't' } }), told);
    assert.deepEqual(told, [
      {
        jsonrpc: '2.0',
        method: 'notifications/progress',
        params: { progressToken: 't', progress: 1, total: 2, message: 'half' },
      },
    ]);
  });

  it('gets no answer once it is cancelled, and what it called hears of that', async () => {
    const cancel = new AbortController();
    const { answer } = withTools(
      tool('endless', async (_, { signal }) => {
        const aborted = new Promise((resolve) => signal.addEventListener('abort', resolve));
        cancel.abort();
        await aborted;
        return { content: [] };
      }),
    );
    assert.equal(await answer(modernRequest(1, 'tools/call', { name: 'endless' }), [], cancel.signal), null);
  });
});

describe('a tool that needs an answer of the client', () => {
  const elicitation = { _meta: { 'io.modelcontextprotocol/clientCapabilities': { elicitation: {} } } };
  const call = (name: string, more: object = {}) =>
    modernRequest(1, 'tools/call', { name, ...elicitation, ...more });

  it('gets it with the repeated request, and its state with it', async () => {
    const { result } = serve(async () => ({ tools: askingTools, resources: [], prompts: [] }));
    const first = await result(call('test_input_required_result_multi_round'));
    assert.deepEqual(
      [first.resultType, Object.keys(first.inputRequests as object)],
      ['input_required', ['step1']],
    );
    const answered = (key: string, content: object, { requestState }: Result) =>
      call('test_input_required_result_multi_round', {
        inputResponses: { [key]: { action: 'accept', content } },
        requestState,
      });
    const second = await result(answered('step1', { name: 'Alice' }, first));
    assert.deepEqual(Object.keys(second.inputRequests as object), ['step2']);
    const third = await result(answered('step2', { color: 'blue' }, second));
    assert.equal(third.resultType, 'complete');
  });

  it('asks nothing that the client did not declare', async () => {
    const { failure } = withTools(
      tool('asks', async () => {
        throw new InputNeeded({ a: { method: 'elicitation/create', params: {} } });
      }),
    );
    const { code, data } = await failure(modernRequest(1, 'tools/call', { name: 'asks' }));
    assert.deepEqual([code, data], [-32021, { requiredCapabilities: { elicitation: {} } }]);
  });

  it('refuses a state that it did not give, or gave for another request', async () => {
    const { result, failure } = serve(async () => ({ tools: askingTools, resources: [], prompts: [] }));
    const name = 'test_input_required_result_request_state';
    const state = String((await result(call(name))).requestState);
    const [payload = '', signature = ''] = state.split('.');
    const forged = Buffer.from(JSON.stringify({ state: 'asked', request: 'x', until: 9e15 })).toString(
      'base64url',
    );
    for (const requestState of ['', 'x', `${payload}.`, `${forged}.${signature}`, `${state}.x`, 5]) {
      assert.equal((await failure(call(name, { requestState }))).code, -32602, String(requestState));
    }
    const elsewhere = await failure(call('test_input_required_result_multi_round', { requestState: state }));
    assert.match(elsewhere.message, /belongs to another request/);
    const restarted = serve(async () => ({ tools: askingTools, resources: [], prompts: [] }));
    assert.match(
      (await restarted.failure(call(name, { requestState: state }))).message,
      /send the request again/,
    );
  });
});

describe('subscriptions/listen', () => {
  const key = 'io.modelcontextprotocol/subscriptionId';

  it('acknowledges what it follows, tells of each change under its id, and ends with the server', async () => {
    const { answer, ending } = serve();
    const told: JSONRPCMessage[] = [];
    let heard = Promise.withResolvers<void>();
    const ear = {
      push(message: JSONRPCMessage): number {
        heard.resolve();
        return told.push(message);
      },
    };
    const notifications = {
      toolsListChanged: true,
      resourceSubscriptions: ['maos://sessions', 'maos://roles', 'maos://nothing'],
    };
    const over = answer(modernRequest('s', 'subscriptions/listen', { notifications }), ear);
    await heard.promise;
    assert.deepEqual(told, [
      {
        jsonrpc: '2.0',
        method: 'notifications/subscriptions/acknowledged',
        params: { _meta: { [key]: 's' }, notifications: { resourceSubscriptions: ['maos://sessions'] } },
      },
    ]);
    heard = Promise.withResolvers<void>();
    const agents = [{ role: 'qa', task: 'End.', command: ['true'] }];
    await bench.ask('orchestrate', { objective: 'Change the list.', agents });
    await heard.promise;
    assert.deepEqual(told[1], {
      jsonrpc: '2.0',
      method: 'notifications/resources/updated',
      params: { _meta: { [key]: 's' }, uri: 'maos://sessions' },
    });
    ending.abort();
    const end = (await over) as { readonly id: string; readonly result: Result };
    assert.deepEqual([end.id, end.result.resultType, end.result._meta?.[key]], ['s', 'complete', 's']);
  });

  it('is bounded, and makes room when one is cancelled', async () => {
    const { answer, failure } = serve();
    const cancels = Array.from({ length: 100 }, () => new AbortController());
    const open = cancels.map(({ signal }, id) =>
      answer(modernRequest(id, 'subscriptions/listen', { notifications: {} }), [], signal),
    );
    const { code, message } = await failure(
      modernRequest('more', 'subscriptions/listen', { notifications: {} }),
    );
    assert.equal(code, -32602);
    assert.match(message, /100 subscriptions already/);
    for (const cancel of cancels) cancel.abort();
    assert.deepEqual(new Set(await Promise.all(open)), new Set([null]));
    const next = new AbortController();
    const again = answer(
      modernRequest('more', 'subscriptions/listen', { notifications: {} }),
      [],
      next.signal,
    );
    next.abort();
    assert.equal(await again, null);
  });
});
