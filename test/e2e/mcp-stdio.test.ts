import assert from 'node:assert/strict';
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';
import { type JSONRPCMessage, JSONRPCMessageSchema } from '@modelcontextprotocol/sdk/types.js';
import { countedEnvironment } from '../helpers/counted-process.ts';

const launcher = fileURLToPath(new URL('../../bin/maos.js', import.meta.url));

let home: string;
let project: string;
let env: Record<string, string>;

before(() => {
  home = realpathSync(mkdtempSync(join(tmpdir(), 'maos-e2e-home-')));
  project = realpathSync(mkdtempSync(join(tmpdir(), 'maos-e2e-project-')));
  writeFileSync(join(home, 'config.json'), JSON.stringify({ allowCommands: ['*'] }));
  env = { PATH: process.env.PATH ?? '', HOME: home, MAOS_HOME: home };
});
after(async () => {
  // What a failed test left behind: servers, and agents waiting for their gate.
  for (const path of gates) writeFileSync(path, '');
  for (const server of servers) if (server.child.exitCode === null) server.child.kill('SIGKILL');
  await Promise.all(clients.map((client) => client.close()));
  for (const folder of [home, project])
    rmSync(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 });
});

const gates: string[] = [];
const servers: RawServer[] = [];
const clients: Client[] = [];

type Structured = Readonly<Record<string, unknown>>;

/** A client of the SDK over a server of its own. */
async function connect(given: { env?: Record<string, string> } = {}) {
  const transport = new StdioClientTransport({
    command: process.execPath,
    args: [launcher, 'serve'],
    cwd: project,
    env: countedEnvironment(['serve'], { ...env, ...given.env }) as Record<string, string>,
    stderr: 'pipe',
  });
  let stderr = '';
  transport.stderr?.on('data', (chunk) => {
    stderr += chunk;
  });
  const client = new Client({ name: 'e2e', version: '1' });
  const trouble: Error[] = [];
  client.onerror = (error) => trouble.push(error);
  await client.connect(transport);
  await client.listTools();
  clients.push(client);
  return {
    client,
    async ask(name: string, args: Record<string, unknown> = {}): Promise<Structured> {
      const result = await client.callTool({ name, arguments: args });
      assert.notEqual(result.isError, true, JSON.stringify(result.content));
      return result.structuredContent as Structured;
    },
    async close() {
      await client.close();
      assert.deepEqual(trouble, []);
      assert.equal(stderr, '');
    },
  };
}

/** A server spoken to line by line. */
class RawServer {
  readonly child: ChildProcessWithoutNullStreams;
  /** Every line of stdout, as it came. */
  readonly lines: string[] = [];
  readonly exit: Promise<{ code: number | null; signal: string | null }>;
  stderr = '';
  #heard = (): void => {};

  constructor(given: { args?: string[]; env?: Record<string, string> } = {}) {
    this.child = spawn(process.execPath, [launcher, ...(given.args ?? ['serve'])], {
      cwd: project,
      env: { ...env, ...given.env },
    });
    createInterface({ input: this.child.stdout }).on('line', (line) => {
      this.lines.push(line);
      this.#heard();
    });
    this.child.stderr.on('data', (chunk) => {
      this.stderr += chunk;
    });
    servers.push(this);
    this.exit = once(this.child, 'close').then(([code, signal]) => {
      this.#heard();
      return { code, signal };
    });
  }

  write(line: string): void {
    this.child.stdin.write(`${line}\n`);
  }

  send(message: object): void {
    this.write(JSON.stringify({ jsonrpc: '2.0', ...message }));
  }

  /** The first message with this id (undefined: without one), now or when it comes. */
  async answer(id: number | undefined): Promise<Record<string, unknown>> {
    for (;;) {
      const found = this.lines
        .map((line) => JSON.parse(line) as Record<string, unknown>)
        .find((message) => message.id === id && message.method === undefined);
      if (found !== undefined) return found;
      assert.equal(this.child.exitCode, null, `the server has ended: ${this.stderr}`);
      await new Promise<void>((resolve) => {
        this.#heard = resolve;
      });
    }
  }

  async initialize(): Promise<Record<string, unknown>> {
    const clientInfo = { name: 'raw', version: '1' };
    const params = { protocolVersion: '2025-06-18', capabilities: {}, clientInfo };
    this.send({ id: 1, method: 'initialize', params });
    const answer = await this.answer(1);
    this.send({ method: 'notifications/initialized' });
    return answer;
  }

  async call(id: number, name: string, args: object): Promise<Structured> {
    this.send({ id, method: 'tools/call', params: { name, arguments: args } });
    const { result } = (await this.answer(id)) as { result: { structuredContent: Structured } };
    assert.ok(result?.structuredContent, JSON.stringify(result));
    return result.structuredContent;
  }

  /** Everything printed on stdout was protocol. */
  assertPure(): void {
    for (const line of this.lines) {
      const message: JSONRPCMessage = JSONRPCMessageSchema.parse(JSON.parse(line));
      assert.equal(message.jsonrpc, '2.0');
    }
    assert.equal(this.stderr, '');
  }
}

/** A command that ends once the file exists. */
function gate(name: string): { path: string; command: string[] } {
  const path = join(project, name);
  gates.push(path);
  return { path, command: ['/bin/sh', '-c', 'until [ -e "$0" ]; do sleep 0.02; done; echo opened', path] };
}

describe('maos serve', () => {
  it('runs a team from start to result, with nothing but protocol on stdout', async () => {
    const server = new RawServer();
    await server.initialize();
    const started = await server.call(2, 'orchestrate', {
      objective: 'Greet.',
      agents: [
        {
          role: 'qa',
          name: 'a',
          task: 'Say it.',
          command: ['/bin/sh', '-c', 'echo to stdout; echo to stderr >&2'],
        },
        { role: 'qa', name: 'b', task: 'Say it.', command: ['/bin/echo', 'done'], depends_on: ['a'] },
      ],
    });
    const ended = await server.call(3, 'wait-session', { session_id: started.session_id });
    assert.deepEqual([ended.state, ended.settled], ['completed', true]);
    server.child.stdin.end();
    assert.deepEqual(await server.exit, { code: 0, signal: null });
    server.assertPure();
  });

  it('opens no store before a tool needs one', async () => {
    const fresh = mkdtempSync(join(tmpdir(), 'maos-e2e-fresh-'));
    try {
      const server = new RawServer({ env: { MAOS_HOME: join(fresh, 'home') } });
      await server.initialize();
      server.send({ id: 2, method: 'tools/list' });
      await server.answer(2);
      assert.equal((await server.call(3, 'list-sessions', {})).summary, '0 sessions, newest first.');
      assert.equal(existsSync(join(fresh, 'home', 'projects')), false);
      server.child.stdin.end();
      await server.exit;
    } finally {
      rmSync(fresh, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 });
    }
  });

  it('is what maos does with a pipe on stdin, and answers what was asked before the end of input', async () => {
    const server = new RawServer({ args: [] });
    const params = {
      protocolVersion: '2025-11-25',
      capabilities: {},
      clientInfo: { name: 'pipe', version: '1' },
    };
    server.send({ id: 1, method: 'initialize', params });
    server.send({ id: 2, method: 'tools/call', params: { name: 'list-roles' } });
    server.child.stdin.end();
    assert.deepEqual(await server.exit, { code: 0, signal: null });
    assert.ok((await server.answer(1)).result);
    assert.ok((await server.answer(2)).result);
  });

  it('answers an incomplete request of the newer protocol, and lines that are no messages, and goes on', async () => {
    const server = new RawServer();
    server.send({ id: 9, method: 'server/discover', params: {} });
    assert.equal(((await server.answer(9)).error as { code: number }).code, -32602);
    server.write('this is not JSON');
    assert.equal(((await server.answer(undefined)).error as { code: number }).code, -32700);
    server.write('{"id": 4}');
    const { result } = await server.initialize();
    assert.equal((result as { protocolVersion: string }).protocolVersion, '2025-06-18');
    const codes = server.lines.map((line) => (JSON.parse(line) as { error?: { code: number } }).error?.code);
    assert.deepEqual(codes, [-32602, -32700, -32600, undefined]);
    server.child.stdin.end();
    await server.exit;
    server.assertPure();
  });

  it('works on the folder Claude Code names, else on its own', async () => {
    const named = join(project, 'named');
    mkdirSync(named, { recursive: true });
    const where = { role: 'qa', task: 'Say where.', command: ['/bin/pwd'] };
    for (const [folder, expected] of [
      [named, named],
      [join(project, 'missing'), project],
    ] as const) {
      const server = await connect({ env: { CLAUDE_PROJECT_DIR: folder } });
      const { session_id } = await server.ask('orchestrate', { objective: 'Where?', agents: [where] });
      const ended = await server.ask('wait-session', { session_id });
      assert.equal((ended.agents as Structured[])[0]?.result, expected);
      await server.close();
    }
  });

  it('serves an SDK client, which checks every answer against its schema', async () => {
    const server = await connect();
    const { session_id } = await server.ask('orchestrate', {
      objective: 'Check.',
      agents: [{ role: 'reviewer', task: 'Do.', command: ['/bin/echo', 'fine'] }],
    });
    const ended = await server.ask('wait-session', { session_id });
    const { agent_id } = (ended.agents as Structured[])[0] as Structured;
    assert.equal((await server.ask('agent-output', { agent_id })).text, 'fine\n');
    assert.equal(
      (await server.ask('session-status', { session_id, include_events: true })).state,
      'completed',
    );
    assert.equal(((await server.ask('list-roles')).roles as unknown[]).length, 21);
    assert.ok(((await server.ask('list-sessions')).sessions as unknown[]).length > 0);
    const refused = await server.client.callTool({
      name: 'control-session',
      arguments: { session_id, action: 'cancel' },
    });
    assert.equal(refused.isError, true);
    assert.match(JSON.stringify(refused.content), /INVALID_TRANSITION/);
    await server.close();
  });

  it('lets another server cancel what it runs', async () => {
    const [one, other] = await Promise.all([connect(), connect()]);
    const { session_id } = await one.ask('orchestrate', {
      objective: 'Cancel me.',
      agents: [{ role: 'qa', task: 'Wait.', command: gate('never').command }],
    });
    const waiting = one.ask('wait-session', { session_id });
    assert.equal((await other.ask('control-session', { session_id, action: 'cancel' })).state, 'cancelled');
    assert.equal((await waiting).state, 'cancelled');
    await Promise.all([one.close(), other.close()]);
  });
});

describe('when the client goes', () => {
  for (const how of ['EOF', 'SIGTERM', 'SIGINT', 'SIGHUP'] as const) {
    it(`ends on ${how} with 0, and on_exit "keep" runs the session to its end`, async () => {
      const { path, command } = gate(`keep-${how}`);
      const server = new RawServer();
      await server.initialize();
      const { session_id } = await server.call(2, 'orchestrate', {
        objective: 'Outlive.',
        on_exit: 'keep',
        agents: [{ role: 'qa', task: 'Wait.', command }],
      });
      server.send({
        id: 3,
        method: 'tools/call',
        params: { name: 'wait-session', arguments: { session_id } },
      });
      if (how === 'EOF') server.child.stdin.end();
      else server.child.kill(how);
      assert.deepEqual(await server.exit, { code: 0, signal: null });
      server.assertPure();

      const next = await connect();
      assert.equal((await next.ask('wait-session', { session_id, timeout_seconds: 1 })).settled, false);
      writeFileSync(path, '');
      const ended = await next.ask('wait-session', { session_id });
      assert.deepEqual([ended.state, (ended.agents as Structured[])[0]?.result], ['completed', 'opened']);
      await next.close();
    });
  }

  it('leaves a session paused as interrupted, its agents stopped, by default', async () => {
    const pidFile = join(project, 'agent.pid');
    const server = new RawServer();
    await server.initialize();
    const { session_id } = await server.call(2, 'orchestrate', {
      objective: 'Stop.',
      agents: [
        { role: 'qa', task: 'Wait.', command: ['/bin/sh', '-c', 'echo $$ > "$0"; exec sleep 600', pidFile] },
      ],
    });
    const watcher = await connect();
    await untilSpawned(watcher, session_id);
    server.child.stdin.end();
    await server.exit;
    const paused = await watcher.ask('wait-session', { session_id });
    assert.equal(paused.settled, true);
    assert.equal(paused.state, 'paused');
    assert.match(String(paused.summary), /interrupted/);
    const pid = Number(readFileSync(pidFile, 'utf8'));
    assert.throws(() => process.kill(pid, 0), /ESRCH/);
    await watcher.close();
  });
});

/** Waits until the agent has its process and has had time to say its number: the event, then its file. */
async function untilSpawned(server: Awaited<ReturnType<typeof connect>>, session_id: unknown): Promise<void> {
  for (;;) {
    const { events } = await server.ask('session-status', { session_id, include_events: true });
    if ((events as string[]).some((line) => line.includes('agent.spawned'))) break;
  }
  while (!existsSync(join(project, 'agent.pid')) || readFileSync(join(project, 'agent.pid'), 'utf8') === '') {
    await server.ask('session-status', { session_id, include_agents: false });
  }
}
