import assert from 'node:assert/strict';
import { mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js';
import {
  CallToolResultSchema,
  EmptyResultSchema,
  isJSONRPCNotification,
  isJSONRPCResultResponse,
  type JSONRPCMessage,
  McpError,
} from '@modelcontextprotocol/sdk/types.js';
import type { Clock } from '../../../../src/application/ports/clock.ts';
import type { Runtime } from '../../../../src/application/runtime.ts';
import { MaosError } from '../../../../src/domain/errors.ts';
import { followSession } from '../../../../src/presentation/mcp/answers/follow-session.ts';
import { callTool, errorMetaKey } from '../../../../src/presentation/mcp/server/call-tool.ts';
import { serverIdentity } from '../../../../src/presentation/mcp/server/identity.ts';
import { registry } from '../../../../src/presentation/mcp/server/registry.ts';
import { makeMcpServer } from '../../../../src/presentation/mcp/server/server.ts';
import type { ProgressUpdate, Tool, ToolContext } from '../../../../src/presentation/mcp/server/tool.ts';
import { projectAccess } from '../../../../src/presentation/project-access.ts';
import { agentRequest, planRequest } from '../../../domain/samples.ts';
import { openWorkbench, textOf, type Workbench } from '../workbench.ts';

const { tools } = registry;

let bench: Workbench;
before(async () => {
  bench = await openWorkbench();
});
after(() => bench.close());

function contextOf(runtime: Runtime, given: Partial<ToolContext> = {}): ToolContext {
  return {
    ...projectAccess(runtime, bench.root),
    signal: new AbortController().signal,
    client: { request: async () => ({}), notify: async () => {} },
    input: null,
    names: {},
    notifyProgress: () => {},
    ...given,
  };
}

async function protocolError(request: Promise<unknown>): Promise<McpError> {
  try {
    await request;
  } catch (error) {
    assert.ok(error instanceof McpError, String(error));
    return error;
  }
  assert.fail('no error was answered');
}

describe('the protocol', () => {
  it('names the server and how to use it', () => {
    assert.deepEqual(bench.client.getServerVersion(), {
      name: 'maos',
      title: 'MAOS',
      version: bench.runtime.version,
    });
    assert.match(bench.client.getInstructions() ?? '', /orchestrate/);
  });

  it('answers an unknown tool with the error the specification names', async () => {
    const error = await protocolError(bench.client.callTool({ name: 'orchestrat' }));
    assert.equal(error.code, -32602);
    assert.match(error.message, /^MCP error -32602: Unknown tool: "orchestrat"\. There are: orchestrate, /);
  });

  it('answers malformed parameters with invalid params, unknown methods with method not found', async () => {
    const ask = (method: string, params: Record<string, unknown>) =>
      protocolError(bench.client.request({ method, params }, EmptyResultSchema));
    assert.equal((await ask('tools/call', { arguments: {} })).code, -32602);
    assert.equal((await ask('tools/call', { name: 'list-roles', arguments: [] })).code, -32602);
    assert.equal((await ask('tools/list', { cursor: 'x' })).code, -32602);
    assert.equal((await ask('server/discover', {})).code, -32601);
  });

  it('says in words what is wrong with parameters', async () => {
    const malformed: [method: string, params: Record<string, unknown>, says: RegExp][] = [
      ['tools/call', { name: 'list-roles', arguments: 's' }, /arguments/],
      ['tools/call', { name: 'list-roles', arguments: [] }, /arguments/],
      ['tools/call', { name: 'list-roles', arguments: null }, /arguments/],
      ['tools/call', { arguments: {} }, /name/],
      ['tools/call', { name: 3, arguments: 4 }, /name/],
      ['tools/call', {}, /name/],
      ['tools/list', { cursor: 3 }, /cursor/],
      ['resources/read', {}, /uri/],
      ['resources/subscribe', { uri: [] }, /uri/],
      ['prompts/get', { name: 'review', arguments: { files: 3 } }, /arguments/],
      ['prompts/get', {}, /name/],
      ['completion/complete', { ref: { type: 'x' }, argument: 1 }, /ref/],
      ['logging/setLevel', { level: 'loud' }, /level/],
      ['initialize', { protocolVersion: 3 }, /protocolVersion/],
    ];
    for (const [method, params, says] of malformed) {
      const error = await protocolError(bench.client.request({ method, params }, EmptyResultSchema));
      const shown = `${method} ${JSON.stringify(params)}: ${error.message}`;
      assert.equal(error.code, -32602, shown);
      assert.match(error.message, says, shown);
      // A schema library's reports are for programmers: JSON lists of issues with codes and paths.
      assert.doesNotMatch(error.message, /[[{]\s*\n|"code"|"path"|ZodError/, shown);
      assert.ok(error.message.length < 400, shown);
    }
  });

  it('passes over what it does not know of a call, as a task', async () => {
    const params = { name: 'list-roles', arguments: {}, task: { ttl: 1_000 } };
    const result = await bench.client.request({ method: 'tools/call', params }, CallToolResultSchema);
    assert.notEqual(result.isError, true);
  });

  it('takes a call without arguments as one with none', async () => {
    const result = await bench.client.callTool({ name: 'list-sessions' });
    assert.notEqual(result.isError, true);
  });

  it('refuses unknown arguments by name, with the code for programs', async () => {
    const result = await bench.call('list-sessions', { limits: 3, state: 'done' });
    assert.match(textOf(result), /^INVALID_INPUT: .*"limits"/);
    assert.match(textOf(result), /state/);
    const error = result._meta?.[errorMetaKey] as { code: string; message: string } | undefined;
    assert.equal(`${error?.code}: ${error?.message}`, textOf(result));
  });
});

describe('callTool', () => {
  const broken = (error: unknown): Tool => ({
    ...(tools[0] as Tool),
    name: 'broken',
    call: () => Promise.reject(error),
  });

  it('hides what a defect says from the client and logs it', async () => {
    const error = new TypeError('secret path /x');
    const result = await callTool(broken(error), {}, contextOf(bench.runtime));
    assert.equal(result.isError, true);
    assert.match(JSON.stringify(result.content), /"INTERNAL: broken failed/);
    assert.doesNotMatch(JSON.stringify(result), /secret/);
    const logged = bench.errors.at(-1) as { message: string; tool: string; error: Error };
    assert.deepEqual(
      [logged.message, logged.tool, logged.error.message],
      ['tool failed', 'broken', error.message],
    );
  });

  it('keeps an error with endless details short', async () => {
    const error = new MaosError('INVALID_PLAN', 'x'.repeat(50_000), {
      details: { names: 'x'.repeat(50_000) },
    });
    const result = await callTool(broken(error), {}, contextOf(bench.runtime));
    assert.ok(JSON.stringify(result).length < 10_000);
    assert.match(JSON.stringify(result.content), /"INVALID_PLAN: x+…"/);
  });
});

describe('sessions of other projects', () => {
  it('are found by their whole id only, and not listed', async () => {
    const folder = realpathSync(mkdtempSync(join(tmpdir(), 'maos-mcp-other-')));
    try {
      const { project } = await bench.runtime.openProject(folder);
      const { session, agents } = bench.store(planRequest([agentRequest()]), project);
      assert.match(
        await bench.refusal('control-session', { session_id: session.id.slice(-12), action: 'cancel' }),
        /^SESSION_NOT_FOUND: There is no session "/,
      );
      const status = await bench.ask('session-status', { session_id: session.id });
      assert.equal(status.session_id, session.id);
      const output = await bench.ask('agent-output', { agent_id: agents[0]?.id });
      assert.equal(output.agent_id, agents[0]?.id);
      assert.match(
        await bench.refusal('agent-output', { agent_id: agents[0]?.id.slice(0, -1) }),
        /^AGENT_NOT_FOUND: There is no agent "/,
      );
      const { sessions } = await bench.ask('list-sessions', { limit: 50 });
      const cancelled = await bench.ask('control-session', { session_id: session.id, action: 'cancel' });
      assert.ok((cancelled.summary as string).includes(folder), cancelled.summary as string);
      assert.ok(!(sessions as { session_id: string }[]).some(({ session_id }) => session_id === session.id));
    } finally {
      rmSync(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 });
    }
  });
});

describe('waiting', () => {
  it('gives a sign of life every 15 s, each with a larger progress', async () => {
    const { session } = bench.store(planRequest([agentRequest(), agentRequest()]));
    const clock = new HandClock();
    const updates: ProgressUpdate[] = [];
    const context = contextOf(bench.runtime, { notifyProgress: (update) => updates.push(update) });
    const wait = followSession(context, { ...bench.project, clock }, session.id, 60_000);
    clock.advance(14_999);
    assert.equal(updates.length, 0);
    clock.advance(1);
    assert.equal(updates.length, 1);
    clock.advance(30_000);
    assert.deepEqual(
      updates.map(({ total }) => total),
      [2, 2, 2],
    );
    assert.ok(
      updates.every(({ progress }, index) => index === 0 || progress > (updates[index - 1]?.progress ?? 0)),
    );
    clock.advance(15_000);
    assert.equal((await wait).settled, false);
    assert.equal(clock.pending, 0);
  });

  it('sends a client that reads slowly the newest progress, not all of it', async () => {
    const { session_id } = await bench.ask('orchestrate', {
      objective: 'Many changes.',
      max_concurrency: 1,
      agents: Array.from({ length: 6 }, (_, index) => ({
        role: 'qa',
        name: `n${index}`,
        task: 'Do.',
        command: index === 0 ? bench.gate('slow') : ['/bin/echo', 'x'],
      })),
    });
    const client = new SlowClient();
    const ending = new AbortController();
    const server = makeMcpServer({
      runtime: bench.runtime,
      identity: serverIdentity(bench.runtime.version),
      projectPath: bench.root,
      ending: ending.signal,
    });
    await server.connect(client);
    client.onmessage({
      jsonrpc: '2.0',
      id: 1,
      method: 'tools/call',
      params: { name: 'wait-session', arguments: { session_id }, _meta: { progressToken: 't' } },
    });
    bench.open('slow');
    await client.answered;
    assert.equal(client.progress.length, 1);
    client.read();
    await new Promise((resolve) => setImmediate(resolve));
    assert.ok(client.progress.length <= 2, `${client.progress.length} notifications`);
    await server.close();
  });
});

/** A clock that the test advances, so that it need not wait 15 s. */
class HandClock implements Clock {
  #now = 0;
  #timers: { at: number; run: () => void }[] = [];

  now(): string {
    return new Date(this.#now).toISOString();
  }

  elapsedMs(): number {
    return this.#now;
  }

  after(ms: number, run: () => void): () => void {
    const timer = { at: this.#now + ms, run };
    this.#timers.push(timer);
    return () => {
      this.#timers = this.#timers.filter((other) => other !== timer);
    };
  }

  get pending(): number {
    return this.#timers.length;
  }

  advance(ms: number): void {
    const end = this.#now + ms;
    for (;;) {
      const due = this.#timers.filter(({ at }) => at <= end).sort((a, b) => a.at - b.at)[0];
      if (due === undefined) break;
      this.#timers = this.#timers.filter((timer) => timer !== due);
      this.#now = due.at;
      due.run();
    }
    this.#now = end;
  }
}

/** Receives the first notification, and nothing more before it is told to read. */
class SlowClient implements Transport {
  readonly progress: JSONRPCMessage[] = [];
  readonly answered: Promise<void>;
  read = (): void => {};
  onmessage: (message: JSONRPCMessage) => void = () => {};
  #answer = (): void => {};
  readonly #reading = new Promise<void>((resolve) => {
    this.read = resolve;
  });

  constructor() {
    this.answered = new Promise((resolve) => {
      this.#answer = resolve;
    });
  }

  async start(): Promise<void> {}
  async close(): Promise<void> {}

  async send(message: JSONRPCMessage): Promise<void> {
    if (isJSONRPCResultResponse(message)) this.#answer();
    if (!isJSONRPCNotification(message)) return;
    this.progress.push(message);
    await this.#reading;
  }
}
