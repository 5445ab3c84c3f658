/** Everything a client of the official SDK does with a MAOS, from the first list to the end. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import type { TestContext } from 'node:test';
import { errorMetaKey } from '../../src/presentation/mcp/server/call-tool.ts';
import { serverIdentity } from '../../src/presentation/mcp/server/identity.ts';
import { registry } from '../../src/presentation/mcp/server/registry.ts';
import { isTemplate } from '../../src/presentation/mcp/server/resource.ts';
import { Gate } from '../helpers/gate.ts';
import { Heard } from './heard.ts';
import { type CallOptions, type Sdk, subscribe, tracingEnv } from './mcp-clients.ts';
import { endOf, hadClient, openingOf, readServerLogs, sentTooLate } from './server-log.ts';
import { makeMoment, makeWorkplace } from './workplace.ts';

type Json = Readonly<Record<string, unknown>>;

/** Resources that are there without a session. */
const fixed = registry.resources.filter((resource) => !isTemplate(resource));

/** Connects to a MAOS in a workplace of its own, does all there is to do, part by part, and leaves. */
export async function converse(t: TestContext, sdk: Sdk): Promise<void> {
  const workplace = await makeWorkplace(t, { env: tracingEnv, settings: { allowCommands: ['sh -c *'] } });
  const heard = new Heard();
  const { client, callTool, transport, ...connection } = await sdk.connect(workplace, heard.add);
  t.after(() => client.close());

  /** Calls a tool that must succeed. */
  async function ask(name: string, args: Json, options?: CallOptions): Promise<Json> {
    const result = await callTool({ name, arguments: args }, { timeout: 120_000, ...options });
    assert.notEqual(result.isError, true, JSON.stringify(result.content));
    return result.structuredContent as Json;
  }

  const isModern = sdk.speaks >= '2026';
  /** Settles when the server has handled what was sent before. The newer version has no ping. */
  const look = (): Promise<unknown> => (isModern ? client.listPrompts() : client.ping());

  const gateOf = (name: string): Gate => new Gate(workplace.folder, name);

  async function start(...agents: readonly Json[]): Promise<string> {
    const { session_id } = await ask('orchestrate', { objective: 'Be run.', max_concurrency: 1, agents });
    return String(session_id);
  }

  await t.test('agrees on a version and hears who the server is', async () => {
    assert.equal(connection.protocolVersion, sdk.speaks);
    const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));
    const { serverInfo, capabilities, instructions } = serverIdentity(version);
    assert.deepEqual(client.getServerVersion(), serverInfo);
    const { logging, ...others } = capabilities;
    assert.deepEqual(client.getServerCapabilities(), isModern ? others : capabilities);
    assert.equal(client.getInstructions(), instructions);
    await look();
  });

  await t.test('lists what there is', async () => {
    const { tools } = await client.listTools();
    assert.deepEqual(tools.map(nameOf), registry.tools.map(nameOf));
    const { prompts } = await client.listPrompts();
    assert.deepEqual(prompts.map(nameOf), registry.prompts.map(nameOf));
    const { resourceTemplates } = await client.listResourceTemplates();
    assert.deepEqual(resourceTemplates.map(nameOf), registry.resources.filter(isTemplate).map(nameOf));
    const { resources } = await client.listResources();
    assert.deepEqual(
      resources.map(({ uri }) => uri),
      fixed.map(({ uri }) => uri),
    );
  });

  await t.test('refuses an answer that is not as its schema says', async () => {
    const { onmessage } = transport;
    transport.onmessage = (message) => {
      const { result } = message as { readonly result?: { readonly structuredContent?: Json } };
      const spoiled = { ...result, structuredContent: { ...result?.structuredContent, summary: 7 } };
      onmessage?.(result === undefined ? message : ({ ...message, result: spoiled } as typeof message));
    };
    await assert.rejects(callTool({ name: 'list-sessions' }), /output schema/);
    if (onmessage !== undefined) transport.onmessage = onmessage;
    assert.deepEqual((await ask('list-sessions', {})).sessions, []);
  });

  await t.test('fills in prompts, with completion', async () => {
    const ref = { type: 'ref/prompt', name: 'review' } as const;
    const { completion } = await client.complete({ ref, argument: { name: 'focus', value: 'sec' } });
    assert.deepEqual(completion, { values: ['security'], total: 1, hasMore: false });
    const { messages } = await client.getPrompt({
      name: 'review',
      arguments: { target: 'HEAD~3..HEAD', focus: completion.values[0] ?? '' },
    });
    assert.match(JSON.stringify(messages), /HEAD~3\.\.HEAD.*security/);
  });

  let completed = '';
  await t.test('starts a team, sees it work, and gets its results', async () => {
    const [seen, report] = [gateOf('look'), gateOf('report')];
    completed = await start(
      {
        name: 'look',
        role: 'tester',
        task: 'Look.',
        command: sh(`${seen.wait}; seq -f 'Line %g of what there was to see' 1 500`),
      },
      {
        name: 'report',
        role: 'documenter',
        task: 'Report.',
        command: sh(`${report.wait}; echo "$MAOS_SESSION_ID" >"$MAOS_SHARED_CONTEXT/report.md"; echo ready`),
        depends_on: ['look'],
      },
    );
    const updates: Parameters<NonNullable<CallOptions['onprogress']>>[0][] = [];
    const first = makeMoment('progress');
    const waiting = ask('wait-session', wait(completed), {
      onprogress: (update) => {
        updates.push(update);
        first.arrive();
      },
    });
    await look();
    seen.openNow();
    await first.came;
    report.openNow();
    const { state, agents, files } = await waiting;
    assert.deepEqual([state, files], ['completed', ['shared/context/report.md']]);
    const [looked, reported] = agents as Json[];
    assert.deepEqual([looked?.name, reported?.name, reported?.result], ['look', 'report', 'ready']);
    for (const [index, { progress, total, message }] of updates.entries()) {
      assert.ok(progress > (updates[index - 1]?.progress ?? -1), JSON.stringify(updates));
      assert.deepEqual([total, typeof message], [2, 'string']);
    }

    const status = await ask('session-status', { session_id: completed, include_events: true });
    assert.deepEqual([status.state, (status.agents as Json[]).length], ['completed', 2]);
    let printed = '';
    for (let page: Json = {}; page.at_end !== true; printed += page.text) {
      const cursor = page.next_cursor === undefined ? {} : { cursor: page.next_cursor };
      page = await ask('agent-output', { agent_id: looked?.agent_id, ...cursor });
    }
    const lines = Array.from({ length: 500 }, (_, index) => `Line ${index + 1} of what there was to see\n`);
    assert.equal(printed, lines.join(''));
  });

  await t.test('reads every resource of the team, found by listing and by completion', async () => {
    const ref = { type: 'ref/resource', uri: 'maos://sessions/{session_id}/status' } as const;
    const argument = { name: 'session_id', value: completed.slice(0, -4) };
    assert.deepEqual((await client.complete({ ref, argument })).completion.values, [completed]);
    const { resources } = await client.listResources();
    const texts = new Map<string, string>();
    for (const { uri, mimeType } of resources) {
      const { contents } = await client.readResource({ uri });
      assert.deepEqual([contents.length, contents[0]?.uri], [1, uri]);
      if (mimeType !== undefined) assert.equal(contents[0]?.mimeType, mimeType);
      texts.set(uri, (contents[0] as { readonly text: string }).text);
    }
    const below = (path: string): string =>
      [...texts].find(([uri]) => uri.startsWith(`maos://sessions/${completed}/${path}`))?.[1] ?? '';
    // Of the session: its status, events and evidence, two outputs and a file.
    assert.equal(texts.size, fixed.length + 6);
    assert.equal(JSON.parse(below('status')).state, 'completed');
    assert.match(below('events'), /"session\.completed"/);
    assert.match(below('agents/'), /^Line 1 of .*^Line 500 of /ms);
    assert.equal(below('artifacts/'), `${completed}\n`);
  });

  await t.test('follows a list over its pages', async () => {
    const agent = { role: 'tester', task: 'Wait.', command: sh(gateOf('never').wait) };
    const crowded = await start(...Array.from({ length: 100 }, () => agent));
    const found: string[] = [];
    let pages = 0;
    for (let cursor: string | undefined, more = true; more; more = cursor !== undefined) {
      const page = await client.listResources(cursor === undefined ? undefined : { cursor });
      found.push(...page.resources.map(({ uri }) => uri));
      cursor = page.nextCursor;
      pages += 1;
    }
    assert.equal(pages, sdk.joinsPages ? 1 : 2);
    assert.equal(new Set(found).size, found.length);
    assert.equal(found.filter((uri) => uri.startsWith(`maos://sessions/${crowded}/agents/`)).length, 100);
    const { state } = await ask('control-session', { session_id: crowded, action: 'cancel' });
    assert.equal(state, 'cancelled');

    const first = await ask('list-sessions', { limit: 1 });
    const second = await ask('list-sessions', { limit: 1, cursor: first.next_cursor });
    const ids = [first, second].flatMap(({ sessions }) => sessions as Json[]).map((one) => one.session_id);
    assert.deepEqual([ids, second.next_cursor], [[crowded, completed], undefined]);
  });

  await t.test('hears the log from the level it asked for', { skip: isModern }, async () => {
    const atEnd = (): boolean => heard.logged.includes('session released');
    assert.ok(!atEnd(), 'told without being asked');
    await client.setLoggingLevel('info');
    const session = await start({ role: 'tester', task: 'Be done.', command: sh(':') });
    assert.equal((await ask('wait-session', wait(session))).state, 'completed');
    await heard.until('the end of the session in the log', atEnd);
    await client.setLoggingLevel('error');
  });

  const failing = gateOf('fail');
  let failed = '';
  await t.test('calls off a call that waits; the session goes on and the server answers', async () => {
    const passing = gateOf('pass');
    failed = await start(
      { name: 'pass', role: 'tester', task: 'Pass.', command: sh(passing.wait) },
      { role: 'tester', task: 'Fail.', command: sh(`${failing.wait}; exit 3`), depends_on: ['pass'] },
    );
    const calling = new AbortController();
    const first = makeMoment('progress');
    const { signal } = calling;
    const waiting = ask('wait-session', wait(failed), { signal, onprogress: first.arrive });
    const calledOff = assert.rejects(waiting, /called off/);
    await look();
    passing.openNow();
    await first.came;
    calling.abort('called off');
    await calledOff;
    await look();
    assert.equal((await ask('session-status', { session_id: failed })).state, 'running');
  });

  await t.test('hears of changes for as long as it is subscribed', async () => {
    const [one, all] = [`maos://sessions/${failed}/status`, 'maos://sessions'];
    const unsubscribe = await subscribe({ client, ...connection }, [one]);
    const unsubscribeAll = await subscribe({ client, ...connection }, [all]);
    failing.openNow();
    await heard.until('news of the session', () => heard.updates(one) > 0);
    assert.equal((await ask('wait-session', wait(failed))).state, 'failed');

    await unsubscribe();
    await look();
    const [before, beforeAll] = [heard.updates(one), heard.updates(all)];
    await ask('control-session', { session_id: failed, action: 'retry' });
    assert.equal((await ask('wait-session', wait(failed))).state, 'failed');
    await heard.until('news of the list', () => heard.updates(all) > beforeAll);
    await look();
    assert.equal(heard.updates(one), before);
    await unsubscribeAll();
  });

  await t.test('is told what is wrong with a call, by a code a program can act on', async () => {
    const plan = (agent: Json) => ({ objective: 'Be refused.', agents: [{ task: 'Do.', ...agent }] });
    const wrong: readonly [name: string, args: Json, code: string][] = [
      ['orchestrate', {}, 'INVALID_INPUT'],
      ['list-sessions', { limit: 'many', unknown: 1 }, 'INVALID_INPUT'],
      ['list-sessions', { cursor: 'x' }, 'INVALID_INPUT'],
      ['orchestrate', plan({ role: 'nobody' }), 'INVALID_ROLE'],
      ['orchestrate', plan({ role: 'tester', depends_on: ['ghost'] }), 'INVALID_PLAN'],
      ['orchestrate', plan({ role: 'tester', command: ['rm', '-r', '.'] }), 'FORBIDDEN'],
      ['session-status', { session_id: 'sess_00000000000000000000000000' }, 'SESSION_NOT_FOUND'],
      ['agent-output', { agent_id: 'agent_ghost_1_000000' }, 'AGENT_NOT_FOUND'],
      ['control-session', { session_id: completed, action: 'cancel' }, 'INVALID_TRANSITION'],
    ];
    for (const [name, args, code] of wrong) {
      const { isError, content, structuredContent, _meta = {} } = await callTool({ name, arguments: args });
      const text = (content as { readonly text: string }[])[0]?.text ?? '';
      assert.deepEqual([isError, structuredContent], [true, undefined], text);
      assert.ok(text.startsWith(`${code}: `), `${name} ${JSON.stringify(args)}: ${text}`);
      assert.equal((_meta[errorMetaKey] as Json).code, code);
    }
  });

  await t.test(
    'is answered with the error of the protocol where there is nothing to call or to read',
    async () => {
      const [uri, prompt] = ['maos://nothing', { name: 'review' }];
      type Refused = readonly [code: number, message: RegExp, request: Promise<unknown>];
      // What cannot be followed is only missing in what `subscriptions/listen` acknowledges.
      const notSubscribed = (none: string): readonly Refused[] => [
        [sdk.noResource, /no resource "maos:\/\/nothing"/, client.subscribeResource({ uri: none })],
        [-32602, /never changes/, client.subscribeResource({ uri: 'maos://roles' })],
      ];
      const requests: readonly Refused[] = [
        [-32602, /Unknown tool: "nothing"/, callTool({ name: 'nothing' })],
        [sdk.noResource, /no resource "maos:\/\/nothing"/, client.readResource({ uri })],
        ...(isModern ? [] : notSubscribed(uri)),
        [-32602, /Unknown prompt: "nothing"/, client.getPrompt({ name: 'nothing' })],
        [-32602, /needs the argument target/, client.getPrompt(prompt)],
        [-32602, /Invalid cursor "x" for resources\/list/, client.listResources({ cursor: 'x' })],
      ];
      await Promise.all(
        requests.map(([code, message, request]) => assert.rejects(request, { code, message })),
      );
    },
  );

  await t.test('leaves, and the server is gone', async () => {
    await connection.leave();
    await workplace.nothingLeft();
    // A process that only finished what the server left has no client.
    const logs = readServerLogs(workplace).filter(hadClient);
    assert.deepEqual(logs.map(openingOf), sdk.opens);
    assert.deepEqual(logs.flatMap(sentTooLate), []);
    const end = logs.map(endOf).at(-1);
    assert.deepEqual([end?.reason, end?.callsUnderWay], [sdk.endsBy, 0]);
    // The SDK handles an answer before progress that came just ahead of it, and then does not know its token. And it
    // complains of the streams over HTTP that it cuts itself when it is closed, also while it opens one again.
    const noTrouble =
      /^Received a progress notification for an unknown token|^SSE stream disconnected: AbortError|\bThis operation was aborted$/;
    const trouble = connection.trouble.filter(({ message }) => !noTrouble.test(message));
    assert.deepEqual([trouble, connection.stderr()], [[], '']);
  });
}

function sh(line: string): readonly string[] {
  return ['sh', '-c', line];
}

function wait(session_id: string): Json {
  return { session_id, timeout_seconds: 100 };
}

function nameOf({ name }: { readonly name: string }): string {
  return name;
}
