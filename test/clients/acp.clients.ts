/** The official client of the Agent Communication Protocol, with the cases of its own suites. */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { startHttp } from '../../src/presentation/http/http-service.ts';
import { testAgents } from '../helpers/acp-agents.ts';
import { acpApp, acpDeps, serveAcp } from '../helpers/acp-bench.ts';
import { fakeClaudeBackend, player, success, turn } from '../helpers/fake-claude.ts';
import { openRealProject, realProject } from '../helpers/real-project.ts';
import { type AcpClient, type AcpEventSeen, acpSdk, openApiValidator } from './acp-sdk.ts';

const input = [{ role: 'user', parts: [{ content: 'Hello!', content_type: 'text/plain' }] }];
const goOn = { type: 'message', message: { role: 'user', parts: [] } };

const { Client } = await acpSdk();

async function connect(t: TestContext): Promise<AcpClient> {
  return new Client({ baseUrl: await serveAcp(t, acpApp({ source: testAgents() })) });
}

async function all(events: AsyncIterable<AcpEventSeen>): Promise<readonly AcpEventSeen[]> {
  const seen: AcpEventSeen[] = [];
  for await (const event of events) seen.push(event);
  return seen;
}

async function until(client: AcpClient, id: string, ...statuses: readonly string[]) {
  for (;;) {
    const run = await client.runStatus(id);
    if (statuses.includes(run.status)) return run;
    await sleep(20);
  }
}

describe('acp-sdk and test agents', () => {
  it('pings, lists agents, finds one by its name', async (t) => {
    const client = await connect(t);
    await client.ping();
    const agents = await client.agents();
    assert.equal(agents.length, 9);
    assert.equal((await client.agent('echo')).name, 'echo');
    await assert.rejects(client.agent('nobody'), { name: 'ACPError' });
  });

  it('echoes, waiting', async (t) => {
    const client = await connect(t);
    const run = await client.runSync('echo', input);
    assert.equal(run.status, 'completed');
    assert.equal(run.output[0]?.role, 'agent/echo');
    assert.equal(run.output[0]?.parts[0]?.content, 'Hello!');
  });

  it('echoes later: created, then completed', async (t) => {
    const client = await connect(t);
    const run = await client.runAsync('echo', input);
    assert.equal(run.status, 'created');
    assert.equal((await until(client, run.run_id, 'completed')).status, 'completed');
  });

  it('streams from created to completed, and lists the same', async (t) => {
    const client = await connect(t);
    const events = await all(client.runStream('echo', input));
    assert.deepEqual([events[0]?.type, events.at(-1)?.type], ['run.created', 'run.completed']);
    assert.deepEqual(await client.runEvents(events[0]?.run?.run_id ?? ''), events);
  });

  for (const agent of ['failer', 'raiser']) {
    it(`says why ${agent} failed`, async (t) => {
      const run = await (await connect(t)).runSync(agent, input);
      assert.deepEqual([run.status, run.error?.code], ['failed', 'invalid_input']);
    });
  }

  for (const agent of ['awaiter', 'slow_echo']) {
    it(`cancels ${agent} within a second`, async (t) => {
      const client = await connect(t);
      const { run_id } = await client.runAsync(agent, input);
      assert.equal((await client.runCancel(run_id)).status, 'cancelling');
      assert.equal((await until(client, run_id, 'cancelled', 'completed')).status, 'cancelled');
      await assert.rejects(client.runCancel(run_id), { name: 'ACPError' });
    });
  }

  it('cancels what it streams', async (t) => {
    const client = await connect(t);
    let last: AcpEventSeen | undefined;
    for await (const event of client.runStream('slow_echo', input)) {
      last = event;
      if (event.type !== 'run.created') continue;
      assert.equal((await client.runCancel(event.run?.run_id ?? '')).status, 'cancelling');
    }
    assert.equal(last?.type, 'run.cancelled');
  });

  it('leaves a stream, and the run goes on', async (t) => {
    const client = await connect(t);
    const leave = new AbortController();
    let id = '';
    await assert.rejects(
      async () => {
        for await (const { run } of client.runStream('slow_echo', input, leave.signal)) {
          id = run?.run_id ?? '';
          leave.abort();
        }
      },
      { name: 'AbortError' },
    );
    assert.ok(['created', 'in-progress'].includes((await client.runStatus(id)).status));
    assert.equal((await until(client, id, 'completed', 'cancelled')).status, 'completed');
  });

  it('resumes what awaits, in each mode', async (t) => {
    const client = await connect(t);
    const awaiting = async (): Promise<string> => {
      const run = await client.runSync('awaiter', input);
      assert.equal(run.status, 'awaiting');
      assert.ok(run.await_request);
      return run.run_id;
    };
    assert.equal((await client.runResumeSync(await awaiting(), goOn)).status, 'completed');
    assert.equal((await client.runResumeAsync(await awaiting(), goOn)).status, 'in-progress');
    const events = await all(client.runResumeStream(await awaiting(), goOn));
    assert.deepEqual([events[0]?.type, events.at(-1)?.type], ['run.in-progress', 'run.completed']);
  });

  it('gets artifacts, types and base64', async (t) => {
    const client = await connect(t);
    const [made] = (await client.runSync('artifact_producer', input)).output;
    const named = made?.parts.filter(({ name }) => name != null) ?? [];
    assert.deepEqual(
      named.map(({ name, content_encoding }) => [name, content_encoding]),
      [
        ['text-result.txt', 'plain'],
        ['data.json', 'plain'],
        ['image.png', 'base64'],
      ],
    );
    const [typed] = (await client.runSync('mime_types', input)).output;
    assert.deepEqual(
      typed?.parts.map((part) => part.content_type),
      ['text/html', 'application/json', 'text/css'],
    );
    const [encoded] = (await client.runSync('base64_encoding', input)).output;
    assert.deepEqual(
      encoded?.parts.map((part) => part.content_encoding),
      ['base64', 'plain'],
    );
  });

  it('remembers in a session: 1 message, then 3, also for a second client', async (t) => {
    const source = testAgents();
    const baseUrl = await serveAcp(t, acpApp({ source }));
    const id = randomUUID();
    await new Client({ baseUrl }).withSession(async (session) => {
      assert.equal((await session.runSync('history_echo', input)).output.length, 1);
    }, id);
    const other = new Client({ baseUrl, sessionId: id });
    assert.equal((await other.runSync('history_echo', input)).output.length, 3);
  });
});

describe('acp-sdk and roles of MAOS, through the guard', () => {
  it('runs, streams, cancels, and goes on in a session', async (t) => {
    const folder = realProject(t);
    const backends = [fakeClaudeBackend(join(folder.root, 'bin'))];
    const settings = { defaultBackend: 'claude' };
    const real = openRealProject({ home: folder.home, root: folder.root, settings, backends });
    t.after(() => real.close());
    const service = await startHttp(acpDeps({ real }), { host: '127.0.0.1', port: 0, token: 'secret' });
    t.after(() => service.close(1_000));
    const authorized: typeof fetch = (url, init) => {
      const headers = new Headers(init?.headers);
      headers.set('authorization', 'Bearer secret');
      return fetch(url, { ...init, headers });
    };
    const client = new Client({ baseUrl: `${service.url}/acp`, fetch: authorized });
    player(real.root, 'work', [[turn(1, 'Looking.'), success('Done.')]]);
    player(real.root, 'slow', [[turn(1), { wait: 'never' }]]);
    const asked = (name: string) => [
      { role: 'user', parts: [{ content: `play ${name}`, content_type: 'text/plain' }] },
    ];

    assert.ok((await client.agents()).some(({ name }) => name === 'backend-engineer'));
    const events = await client.withSession(async (session) => {
      const run = await session.runSync('backend_engineer', asked('work'));
      assert.equal(run.status, 'completed', JSON.stringify(run));
      assert.equal(run.output[0]?.parts.at(-1)?.content, 'Done.');
      return all(session.runStream('backend_engineer', asked('work')));
    });
    assert.deepEqual([events[0]?.type, events.at(-1)?.type], ['run.created', 'run.completed']);
    assert.deepEqual(await client.runEvents(events[0]?.run?.run_id ?? ''), events);

    const { run_id } = await client.runAsync('tester', asked('slow'));
    assert.equal((await client.runCancel(run_id)).status, 'cancelling');
    assert.equal((await until(client, run_id, 'cancelled', 'completed')).status, 'cancelled');

    const document = (await (await authorized(`${service.url}/openapi.json`)).json()) as object;
    const { valid, errors } = await (await openApiValidator()).validate(document);
    assert.ok(valid, JSON.stringify(errors));
  });
});
