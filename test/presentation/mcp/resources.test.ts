import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import {
  EmptyResultSchema,
  LoggingMessageNotificationSchema,
  McpError,
  ResourceUpdatedNotificationSchema,
} from '@modelcontextprotocol/sdk/types.js';
import { waitForSession } from '../../../src/application/control/control.ts';
import type { SessionId } from '../../../src/domain/ids.ts';
import { registry } from '../../../src/presentation/mcp/server/registry.ts';
import { expandUri, matchUri, type Resource } from '../../../src/presentation/mcp/server/resource.ts';
import { agentRequest, planRequest } from '../../domain/samples.ts';
import { openWorkbench, type Workbench } from './workbench.ts';

let bench: Workbench;
before(async () => {
  bench = await openWorkbench();
});
after(() => bench.close());

interface Started {
  readonly id: SessionId;
  /** Ids by name. */
  readonly agents: ReadonlyMap<string, string>;
}

async function start(agents: readonly Record<string, unknown>[]): Promise<Started> {
  const answer = await bench.ask('orchestrate', {
    objective: 'Resources',
    agents: agents.map((agent) => ({ role: 'tester', task: 'Do it.', backend: 'command', ...agent })),
  });
  const named = answer.agents as readonly { readonly name: string; readonly agent_id: string }[];
  return {
    id: answer.session_id as SessionId,
    agents: new Map(named.map(({ name, agent_id }) => [name, agent_id])),
  };
}

async function finish({ id }: Started): Promise<void> {
  const { settled } = await waitForSession(bench.project, id, { signal: AbortSignal.timeout(60_000) });
  assert.ok(settled);
}

async function read(uri: string): Promise<Record<string, unknown> & { readonly text: string }> {
  const { contents } = await bench.client.readResource({ uri });
  assert.equal(contents.length, 1);
  return contents[0] as Record<string, unknown> & { readonly text: string };
}

async function refused(request: Promise<unknown>): Promise<McpError> {
  try {
    await request;
  } catch (error) {
    assert.ok(error instanceof McpError, String(error));
    return error;
  }
  assert.fail('it was answered');
}

/** Settles with the next update of a resource after this call. */
function nextUpdate(uri: string): Promise<void> {
  return new Promise((resolve) => {
    bench.client.setNotificationHandler(ResourceUpdatedNotificationSchema, ({ params }) => {
      if (params.uri === uri) resolve();
    });
  });
}

describe('uris', () => {
  const resource = { uri: 'maos://sessions/{session_id}/artifacts/{path}' } as Resource;

  it('are matched with the last variable taking slashes, encoded or not', () => {
    const variables = { session_id: 'latest', path: 'results/a b/ü.md' };
    assert.deepEqual(matchUri(resource, expandUri(resource, variables)), variables);
    assert.deepEqual(
      matchUri(resource, 'maos://sessions/latest/artifacts/results/a%20b/%C3%BC.md'),
      variables,
    );
  });

  it('that a template does not make are not taken for it', () => {
    for (const uri of [
      'maos://sessions/a/b/artifacts/x',
      'maos://sessions/a/artifacts/',
      'maos://sessions/a/artifacts/%ZZ',
      'xmaos://sessions/a/artifacts/x',
    ]) {
      assert.equal(matchUri(resource, uri), null, uri);
    }
  });
});

describe('resources', () => {
  it('lists those of the contract, fixed and as templates', async () => {
    const { resources } = await bench.client.listResources();
    assert.deepEqual(
      resources.map(({ uri }) => uri).filter((uri) => !uri.startsWith('maos://sessions/')),
      ['maos://roles', 'maos://sessions'],
    );
    const { resourceTemplates } = await bench.client.listResourceTemplates();
    assert.deepEqual(
      resourceTemplates.map(({ uriTemplate }) => uriTemplate),
      [
        'maos://sessions/{session_id}/status',
        'maos://sessions/{session_id}/events',
        'maos://sessions/{session_id}/evidence',
        'maos://sessions/{session_id}/agents/{agent_id}/output',
        'maos://sessions/{session_id}/artifacts/{path}',
      ],
    );
    const subscribable = registry.resources.filter(({ follow }) => follow !== undefined);
    assert.deepEqual(
      subscribable.map(({ uri }) => uri),
      [
        'maos://sessions',
        'maos://sessions/{session_id}/status',
        'maos://sessions/{session_id}/events',
        'maos://sessions/{session_id}/evidence',
        'maos://sessions/{session_id}/agents/{agent_id}/output',
      ],
    );
  });

  it('reads all of a session: status, events, output and files, as they were listed', async () => {
    const session = await start([
      {
        name: 'writer',
        command: [
          '/bin/sh',
          '-c',
          'echo written; cd "$MAOS_SHARED_CONTEXT"; echo "# Spec" > spec.md; printf "\\001\\000" > x.bin',
        ],
      },
    ]);
    await finish(session);
    const { resources } = await bench.client.listResources();
    const own = resources.filter(({ uri }) => uri.includes(session.id));
    const agent = session.agents.get('writer');
    const base = `maos://sessions/${session.id}`;
    assert.deepEqual(own.map(({ uri }) => uri).sort(), [
      `${base}/agents/${agent}/output`,
      `${base}/artifacts/shared%2Fcontext%2Fspec.md`,
      `${base}/artifacts/shared%2Fcontext%2Fx.bin`,
      `${base}/events`,
      `${base}/evidence`,
      `${base}/status`,
    ]);
    for (const { uri } of own) assert.equal((await read(uri)).uri, uri);

    const status = JSON.parse((await read(`${base}/status`)).text);
    assert.equal(status.state, 'completed');
    assert.equal(status.agents[0].agent_id, agent);
    assert.deepEqual(
      status.artifacts.map(({ path }: { path: string }) => path),
      ['shared/context/spec.md', 'shared/context/x.bin'],
    );
    const events = JSON.parse((await read(`${base}/events`)).text);
    assert.equal(events.omitted, 0);
    assert.equal(events.events.at(-1).type, 'session.completed');
    assert.equal((await read(`${base}/agents/${agent}/output`)).text, 'written\n');
    const spec = await read(`${base}/artifacts/shared/context/spec.md`);
    assert.deepEqual([spec.mimeType, spec.text], ['text/markdown', '# Spec\n']);
    const binary = await read(`${base}/artifacts/shared/context/x.bin`);
    assert.deepEqual([binary.mimeType, binary.blob], ['application/octet-stream', 'AQA=']);
  });

  it('reads what proves the work of a session: the check beside the end of the process and its words', async () => {
    const session = await start([
      { name: 'prover', command: ['/bin/sh', '-c', 'echo done'], verify: 'echo ok' },
    ]);
    await finish(session);
    const evidence = JSON.parse((await read(`maos://sessions/${session.id}/evidence`)).text);
    assert.deepEqual([evidence.session_id, evidence.state], [session.id, 'completed']);
    const [agent] = evidence.agents;
    assert.deepEqual([agent.name, agent.process[0].exit_code, agent.proof], ['prover', 0, 'passed']);
    const [check] = agent.checks;
    assert.deepEqual([check.command, check.passed, check.log.state], ['echo ok', true, 'unchanged']);
    const { hash, seq } = evidence.last_event;
    assert.equal(seq, bench.project.store.lastSeq(session.id));
    assert.equal(hash, bench.project.store.maintenance.hashAt(session.id, seq));
  });

  it('shortens in the evidence what an agent said', async () => {
    const long = 'x'.repeat(5_000);
    const session = await start([{ name: 'talker', command: ['/bin/sh', '-c', `echo ${long}`] }]);
    await finish(session);
    const evidence = JSON.parse((await read(`maos://sessions/${session.id}/evidence`)).text);
    assert.equal(evidence.agents[0].said.length, 2_000);
  });

  it("takes 'latest' and parts of ids", async () => {
    const { session } = bench.store(planRequest([agentRequest()]));
    for (const reference of ['latest', session.id.slice(-8)]) {
      const status = JSON.parse((await read(`maos://sessions/${reference}/status`)).text);
      assert.equal(status.session_id, session.id);
    }
    const { sessions } = JSON.parse((await read('maos://sessions')).text);
    assert.equal(sessions[0].session_id, session.id);
  });

  it('lists in pages, none twice, none left out', async () => {
    const agents = Array.from({ length: 90 }, (_, index) => agentRequest({ name: `a${index}` }));
    for (let n = 0; n < 3; n++) bench.store(planRequest(agents));
    const seen: string[] = [];
    let cursor: string | undefined;
    let pages = 0;
    do {
      const page = await bench.client.listResources(cursor === undefined ? {} : { cursor });
      seen.push(...page.resources.map(({ uri }) => uri));
      cursor = page.nextCursor;
      pages += 1;
    } while (cursor !== undefined);
    assert.ok(pages > 2, `${pages} pages`);
    assert.equal(new Set(seen).size, seen.length);
    assert.ok(seen.filter((uri) => uri.endsWith('/output')).length >= 270);
  });

  it('says that there is none, as the specification does, and why', async () => {
    const { session, agents } = bench.store(planRequest([agentRequest()]));
    const other = bench.store(planRequest([agentRequest()]));
    for (const uri of [
      'maos://nothing',
      'http://example.org/',
      'maos://sessions/sess_0/status',
      'maos://sessions/a%20b/status',
      `maos://sessions/${session.id}/agents/agent_x/output`,
      `maos://sessions/${other.session.id}/agents/${agents[0]?.id}/output`,
      `maos://sessions/${session.id}/artifacts/results/none.md`,
      `maos://sessions/${session.id}/artifacts/..%2F..%2Fproject.db`,
      `maos://sessions/${session.id}/artifacts/shared/context/../../metadata.json`,
    ]) {
      const error = await refused(bench.client.readResource({ uri }));
      assert.equal(error.code, -32002, `${uri}: ${error.message}`);
      assert.deepEqual(error.data, { uri });
    }
  });

  it('refuses malformed parameters by name', async () => {
    const ask = (method: string, params: Record<string, unknown>) =>
      refused(bench.client.request({ method, params }, EmptyResultSchema));
    for (const [method, params] of [
      ['resources/read', {}],
      ['resources/read', { uri: 5 }],
      ['resources/subscribe', {}],
      ['resources/list', { cursor: 'x' }],
      ['resources/templates/list', { cursor: 7 }],
      ['prompts/list', { cursor: 'x' }],
      ['prompts/get', { name: 'none' }],
      ['prompts/get', { name: 'feature', arguments: { description: 7 } }],
      ['completion/complete', { ref: { type: 'ref/prompt', name: 'feature' } }],
      ['logging/setLevel', { level: 'loud' }],
    ] as const) {
      const error = await ask(method, params);
      assert.equal(error.code, -32602, `${method} ${JSON.stringify(params)}: ${error.message}`);
      assert.match(error.message, new RegExp(method === 'prompts/get' ? 'prompt|arguments' : method));
    }
  });
});

describe('subscriptions', () => {
  it('tell of every change of a session and of the list, until they end', async () => {
    const session = await start([{ name: 'waits', command: bench.gate('sub') }]);
    const uri = `maos://sessions/${session.id}/status`;
    for (const watched of [uri, `maos://sessions/${session.id}/events`, 'maos://sessions']) {
      await bench.client.subscribeResource({ uri: watched });
    }
    const updated = new Set<string>();
    const done = Promise.withResolvers<void>();
    bench.client.setNotificationHandler(ResourceUpdatedNotificationSchema, ({ params }) => {
      updated.add(params.uri);
      if (updated.size === 3) done.resolve();
    });
    bench.open('sub');
    await done.promise;
    await finish(session);
    await bench.client.unsubscribeResource({ uri });
    updated.clear();
    const again = nextUpdate('maos://sessions');
    const next = await start([{ name: 'other', command: ['true'] }]);
    await again;
    await finish(next);
    assert.ok(!updated.has(uri));
  });

  it('tell of output while an agent writes it', async () => {
    const gate = bench.gate('speak');
    const session = await start([
      { name: 'speaks', command: [gate[0], '-c', `${gate[2]}; echo spoken; exec sleep 600`, gate[3]] },
    ]);
    const uri = `maos://sessions/${session.id}/agents/${session.agents.get('speaks')}/output`;
    await bench.client.subscribeResource({ uri });
    bench.open('speak');
    // The update may still be that of its start.
    while ((await read(uri)).text === '') await nextUpdate(uri);
    assert.equal((await read(uri)).text, 'spoken\n');
    await bench.client.unsubscribeResource({ uri });
    await bench.ask('control-session', { session_id: session.id, action: 'cancel' });
  });

  it('are refused where nothing changes or nothing is', async () => {
    const roles = await refused(bench.client.subscribeResource({ uri: 'maos://roles' }));
    assert.equal(roles.code, -32602);
    const none = await refused(bench.client.subscribeResource({ uri: 'maos://sessions/sess_0/status' }));
    assert.equal(none.code, -32002);
    await bench.client.unsubscribeResource({ uri: 'maos://sessions/sess_0/status' });
  });
});

describe('completion', () => {
  const complete = async (uri: string, name: string, value: string, given: Record<string, string> = {}) => {
    const { completion } = await bench.client.complete({
      ref: { type: 'ref/resource', uri },
      argument: { name, value },
      context: { arguments: given },
    });
    return completion;
  };
  const output = 'maos://sessions/{session_id}/agents/{agent_id}/output';

  it('offers sessions, their agents and their files', async () => {
    const workflow = bench.store(planRequest([agentRequest({ name: 'one' }), agentRequest({ name: 'two' })]));
    const { id } = workflow.session;
    assert.deepEqual((await complete(output, 'session_id', id.slice(0, -1))).values, [id]);
    assert.deepEqual((await complete(output, 'session_id', 'lat')).values, ['latest']);
    const all = await complete(output, 'agent_id', '', { session_id: id });
    assert.deepEqual(
      all.values,
      workflow.agents.map((agent) => agent.id),
    );
    assert.deepEqual((await complete(output, 'agent_id', all.values[1] as string)).values, [all.values[1]]);
    const folder = join(bench.project.files.describe(id), 'results');
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, 'never-recorded.md'), '');
    const artifacts = 'maos://sessions/{session_id}/artifacts/{path}';
    assert.deepEqual((await complete(artifacts, 'path', 'res', { session_id: id })).values, []);
  });

  it('offers at most 100 and says that there are more', async () => {
    const agents = Array.from({ length: 120 }, (_, index) => agentRequest({ name: `a${index}` }));
    const { session } = bench.store(planRequest(agents));
    const { values, total, hasMore } = await complete(output, 'agent_id', 'agent_', {
      session_id: session.id,
    });
    assert.deepEqual([values.length, total, hasMore], [100, 120, true]);
  });

  it('offers what prompts suggest', async () => {
    const { completion } = await bench.client.complete({
      ref: { type: 'ref/prompt', name: 'review' },
      argument: { name: 'focus', value: 'se' },
    });
    assert.deepEqual(completion.values, ['security']);
  });
});

describe('prompts', () => {
  it('are filled in, without the lines nobody filled', async () => {
    const { prompts } = await bench.client.listPrompts();
    assert.deepEqual(
      prompts.map(({ name }) => name),
      ['feature', 'bug-hunt', 'review'],
    );
    for (const prompt of prompts) {
      const needed = prompt.arguments?.filter(({ required }) => required) ?? [];
      const values = Object.fromEntries(needed.map(({ name }) => [name, `the ${name}`]));
      const { messages } = await bench.client.getPrompt({ name: prompt.name, arguments: values });
      assert.equal(messages.length, 1);
      const [{ content, role }] = messages as [(typeof messages)[number]];
      assert.equal(role, 'user');
      assert.equal(content.type, 'text');
      assert.doesNotMatch(content.text, /undefined|: \n/);
      for (const value of Object.values(values)) assert.ok(content.text.includes(value));
      assert.match(content.text, /orchestrate.*wait-session/);
    }
  });

  it('name only roles there are', async () => {
    const names = new Set(
      (JSON.parse((await read('maos://roles')).text).roles as { name: string }[]).map(({ name }) => name),
    );
    for (const prompt of registry.prompts) {
      const values = Object.fromEntries(prompt.arguments.map(({ name }) => [name, 'x']));
      const text = JSON.stringify(prompt.messages(values, { input: null }));
      for (const [word] of text.matchAll(/[a-z]+_(?:engineer|architect|scientist|designer)/g))
        assert.ok(names.has(word), word);
    }
  });

  it('want what they need and nothing else', async () => {
    const missing = await refused(bench.client.getPrompt({ name: 'feature', arguments: {} }));
    assert.match(missing.message, /feature needs the argument description/);
    const unknown = await refused(
      bench.client.getPrompt({ name: 'review', arguments: { target: 'x', depth: '3' } }),
    );
    assert.match(unknown.message, /no argument \\?"depth\\?".*target, focus/);
  });
});

describe('log messages', () => {
  it('reach the client from the level it asked for', async () => {
    const heard: string[] = [];
    const told = Promise.withResolvers<void>();
    bench.client.setNotificationHandler(LoggingMessageNotificationSchema, ({ params }) => {
      const { message } = params.data as { message: string };
      heard.push(`${params.level} ${params.logger} ${message}`);
      if (message === 'last') told.resolve();
    });
    bench.runtime.log('info', 'too quiet at first');
    bench.runtime.log('warn', 'first');
    await bench.client.setLoggingLevel('debug');
    bench.runtime.log('trace', 'never');
    bench.runtime.log('debug', 'second');
    await bench.client.setLoggingLevel('error');
    bench.runtime.log('warn', 'too quiet now');
    bench.runtime.log('error', 'last');
    await told.promise;
    assert.deepEqual(heard, ['warning maos first', 'debug maos second', 'error maos last']);
  });
});
