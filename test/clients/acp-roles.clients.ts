/** The official client of the Agent Communication Protocol and MAOS's own roles: real processes, the real Claude Code. */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { sessionOfRun } from '../../src/application/control/acp-runs.ts';
import { lastToolResults, type ModelRequest, type ScriptStep } from '../helpers/scripted-model.ts';
import { type AcpClient, type AcpRun, acpSdk, all, goOn, openApiValidator, until } from './acp-sdk.ts';
import { type Bench, makeBench } from './bench.ts';
import { type HttpMaos, serveHttp } from './http-bench.ts';

const { Client } = await acpSdk();

interface Roles {
  readonly bench: Bench;
  readonly client: AcpClient;
  readonly server: HttpMaos;
  connect(sessionId?: string): AcpClient;
  /** The model has been asked and does not answer. */
  readonly hanging: Promise<void>;
}

/** The file that the agent is told to leave its results in. */
function resultsOf({ messages }: ModelRequest): string {
  const found = /- Your results[^:]*: ([^\\"]+)/.exec(JSON.stringify(messages))?.[1];
  return found ?? assert.fail('no place for results in the prompt');
}

/** What was said of that, by both; Claude Code adds messages of its own. */
function said({ messages }: ModelRequest): number {
  return messages.filter(
    ({ role, content }) => role === 'assistant' || JSON.stringify(content).includes('do: count'),
  ).length;
}

/** A server, and a model that does what the last `do: WORD` in its conversation says. */
async function roles(t: TestContext): Promise<Roles> {
  const hung = Promise.withResolvers<void>();
  let hangs = 0;
  function respond(request: ModelRequest): ScriptStep {
    const word = [...JSON.stringify(request.messages).matchAll(/do: (\w+)/g)].at(-1)?.[1];
    switch (word) {
      case 'hang':
        hangs += 1;
        if (hangs > 1) return { text: 'Gone on.' };
        hung.resolve();
        return { hang: true };
      case 'fail':
        return { error: { status: 401, type: 'authentication_error', message: 'invalid x-api-key' } };
      case 'write': {
        if (lastToolResults(request).length > 0) return { text: 'Written.' };
        const input = { file_path: join(resultsOf(request), 'report.json'), content: '{"ok":true}' };
        return { blocks: [{ text: 'Writing.' }, { toolUse: { name: 'Write', input } }] };
      }
      case 'count':
        return { text: `${said(request)}` };
      default:
        return { text: 'Hello to you!' };
    }
  }
  const bench = await makeBench(t, { respond });
  const server = await serveHttp(bench);
  const authorized: typeof fetch = (url, init) => {
    const headers = new Headers(init?.headers);
    headers.set('authorization', server.header.Authorization);
    return fetch(url, { ...init, headers });
  };
  const connect = (sessionId?: string): AcpClient =>
    new Client({
      baseUrl: `${server.url}/acp`,
      fetch: authorized,
      ...(sessionId === undefined ? {} : { sessionId }),
    });
  return { bench, server, connect, client: connect(), hanging: hung.promise };
}

function asked(word: string) {
  return [{ role: 'user', parts: [{ content: `do: ${word}`, content_type: 'text/plain' }] }];
}

function lastWord({ output }: AcpRun): string | null | undefined {
  return output[0]?.parts.at(-1)?.content;
}

async function pause({ bench }: Roles): Promise<void> {
  const { status, stderr } = await bench.maos('pause', 'latest');
  assert.equal(status, 0, stderr);
}

describe('acp-sdk and roles of MAOS, run by Claude Code', () => {
  it('pings, lists agents, finds one; the document of it all is valid', async (t) => {
    const { client, server } = await roles(t);
    await client.ping();
    assert.ok((await client.agents()).some(({ name }) => name === 'backend-engineer'));
    assert.equal((await client.agent('backend_engineer')).name, 'backend-engineer');
    await assert.rejects(client.agent('nobody'), { name: 'ACPError' });
    const response = await fetch(`${server.url}/openapi.json`, { headers: server.header });
    const { valid, errors } = await (await openApiValidator()).validate(await response.json());
    assert.ok(valid, JSON.stringify(errors));
    await server.end();
  });

  it('run waiting, later, and streamed, and list what they streamed', async (t) => {
    const { client, server } = await roles(t);
    const run = await client.runSync('tester', asked('greet'));
    assert.deepEqual(
      [run.status, run.output[0]?.role, lastWord(run)],
      ['completed', 'agent/tester', 'Hello to you!'],
    );
    const later = await client.runAsync('tester', asked('greet'));
    assert.equal(later.status, 'created');
    assert.equal((await until(client, later.run_id, 'completed', 'failed')).status, 'completed');
    const events = await all(client.runStream('tester', asked('greet')));
    assert.deepEqual([events[0]?.type, events.at(-1)?.type], ['run.created', 'run.completed']);
    assert.deepEqual(await client.runEvents(events[0]?.run?.run_id ?? ''), events);
    await server.end();
  });

  it('fail with the reason', async (t) => {
    const { client, server } = await roles(t);
    const { status, error } = await client.runSync('tester', asked('fail'));
    assert.deepEqual(
      [status, error?.code, error?.data],
      ['failed', 'server_error', { kind: 'auth_required' }],
    );
    await server.end();
  });

  it('are cancelled, asked for once or while they stream', async (t) => {
    for (const how of ['async', 'stream']) {
      const { client, server, hanging, bench } = await roles(t);
      let last: string | undefined;
      if (how === 'async') {
        const { run_id } = await client.runAsync('tester', asked('hang'));
        await hanging;
        assert.equal((await client.runCancel(run_id)).status, 'cancelling');
        last = `run.${(await until(client, run_id, 'cancelled', 'completed')).status}`;
        await assert.rejects(client.runCancel(run_id), { name: 'ACPError' });
      } else {
        for await (const { type, run } of client.runStream('tester', asked('hang'))) {
          last = type;
          if (type !== 'run.in-progress') continue;
          await hanging;
          assert.equal((await client.runCancel(run?.run_id ?? '')).status, 'cancelling');
        }
      }
      assert.equal(last, 'run.cancelled');
      await server.end();
      await bench.nothingLeft();
    }
  });

  it('go on when the one who streams them leaves', async (t) => {
    const { client, server } = await roles(t);
    const leave = new AbortController();
    let id = '';
    await assert.rejects(
      async () => {
        for await (const { run } of client.runStream('tester', asked('greet'), leave.signal)) {
          id = run?.run_id ?? '';
          leave.abort();
        }
      },
      { name: 'AbortError' },
    );
    assert.equal((await until(client, id, 'completed', 'cancelled', 'failed')).status, 'completed');
    await server.end();
  });

  for (const mode of ['sync', 'async', 'stream']) {
    it(`await after a pause, and are resumed: ${mode}`, async (t) => {
      const bed = await roles(t);
      const { client, hanging, server } = bed;
      const waiting = client.runSync('tester', asked('hang'));
      await hanging;
      await pause(bed);
      const { run_id, status, await_request } = await waiting;
      assert.equal(status, 'awaiting');
      assert.ok(await_request);
      if (mode === 'sync') {
        assert.equal((await client.runResumeSync(run_id, goOn)).status, 'completed');
      } else if (mode === 'async') {
        assert.equal((await client.runResumeAsync(run_id, goOn)).status, 'in-progress');
      } else {
        const events = await all(client.runResumeStream(run_id, goOn));
        assert.deepEqual([events[0]?.type, events.at(-1)?.type], ['run.in-progress', 'run.completed']);
      }
      const run = await until(client, run_id, 'completed', 'failed');
      assert.deepEqual([run.status, lastWord(run)], ['completed', 'Gone on.']);
      await server.end();
    });
  }

  it('hand over the files they wrote, and tell of the tools they used', async (t) => {
    const { client, server } = await roles(t);
    const run = await client.runSync('tester', asked('write'));
    assert.equal(run.status, 'completed', JSON.stringify(run));
    const parts = run.output[0]?.parts ?? [];
    const [file, ...more] = parts.filter(({ name }) => name != null);
    assert.deepEqual(more, []);
    assert.match(file?.name ?? '', /report\.json$/);
    assert.deepEqual([file?.content_type, file?.content], ['application/json', '{"ok":true}']);
    const tools = parts.flatMap(({ metadata }) => metadata?.tool_name ?? []);
    assert.deepEqual(tools, ['Write']);
    await server.end();
  });

  it('remember in a session: 1 message, then 3, also for a second client and after a restart', async (t) => {
    const { connect, bench, server } = await roles(t);
    const id = randomUUID();
    const first = await connect(id).runSync('tester', asked('count'));
    assert.equal(lastWord(first), '1');
    const second = await connect(id).runSync('tester', asked('count'));
    assert.equal(lastWord(second), '3');
    await server.kill();
    await server.startAgain();
    assert.equal(lastWord(await connect(id).runSync('tester', asked('count'))), '5');
    const conversations = bench.conversations();
    assert.equal(conversations.size, 3);
    assert.equal(new Set(conversations.values()).size, 1);
    const shown = await bench.maos('status', sessionOfRun(second.run_id), '--json');
    assert.equal(shown.status, 0, shown.stderr);
    await server.end();
  });
});
