/** The official client of the Agent Communication Protocol, with the cases of its own suites. */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { describe, it, type TestContext } from 'node:test';
import { testAgents } from '../helpers/acp-agents.ts';
import { acpApp, serveAcp } from '../helpers/acp-bench.ts';
import { type AcpClient, acpSdk, all, goOn, until } from './acp-sdk.ts';

const input = [{ role: 'user', parts: [{ content: 'Hello!', content_type: 'text/plain' }] }];
const { Client } = await acpSdk();

async function connect(t: TestContext): Promise<AcpClient> {
  return new Client({ baseUrl: await serveAcp(t, acpApp({ source: testAgents() })) });
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
    let last: { readonly type: string } | undefined;
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
