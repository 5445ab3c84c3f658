import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';
import { Mailbox } from '../../src/application/messaging/mailbox.ts';
import { InputRequests } from '../../src/application/requests/input-requests.ts';
import type { MessageId, SessionId } from '../../src/domain/ids.ts';
import { variablesOf, writesEnvironment } from '../helpers/agent-variables.ts';
import { countedEnvironment } from '../helpers/counted-process.ts';
import { maosInProcess } from '../helpers/maos-in-process.ts';
import { type RealProject, realProject, settled, start } from '../helpers/real-project.ts';
import { until } from '../helpers/waiting.ts';
import { bundle } from '../presentation/cli/maos-process.ts';

/** The server as an agent's CLI starts it: in any folder, with hardly more than the given variables. */
async function serverOf(t: TestContext, env: Record<string, string>): Promise<Client> {
  const client = new Client({ name: 'a CLI', version: '1' });
  const PATH = dirname(process.execPath);
  await client.connect(
    new StdioClientTransport({
      command: process.execPath,
      args: [bundle, 'agent'],
      // In each test, because each calls other tools.
      env: countedEnvironment([t.name], { PATH, ...env }) as Record<string, string>,
      cwd: '/',
    }),
  );
  t.after(() => client.close());
  return client;
}

async function call(client: Client, name: string, args: Record<string, unknown> = {}) {
  const { content, isError = false } = await client.callTool({ name, arguments: args });
  const text = (content as { text: string }[]).map((part) => part.text).join('\n');
  return { text, isError };
}

async function end(real: RealProject, id: SessionId): Promise<void> {
  const { session, agents } = real.project.store.load(id);
  const { sharedContext } = real.project.host.locations(session, agents[0] as never);
  writeFileSync(join(sharedContext, 'end'), '0\n');
  await settled(real, id);
}

describe('the server of an agent', () => {
  it('is small, says who is in the team and what the agent has reached, and ends with the agent', async (t) => {
    const real = realProject(t);
    const id = await start(real, [writesEnvironment('ada'), writesEnvironment('bo')]);
    const client = await serverOf(t, { ...(await variablesOf(real, id, 'ada')), MAOS_HOME: real.home });
    const listed = await client.listTools();
    assert.ok(Buffer.byteLength(JSON.stringify(listed)) < 4_096, `${JSON.stringify(listed).length} bytes`);
    assert.deepEqual(client.getServerCapabilities(), { tools: {} });

    const { text } = await call(client, 'team');
    assert.match(text, /^You are ada\. Your lead is the user\.$/m);
    assert.match(text, /^- bo \(tester\): running; task: Run bo\.$/m);
    assert.doesNotMatch(text, /^- ada /m);

    assert.deepEqual(await call(client, 'report', { text: 'Half\n of it.', progress: 50 }), {
      text: 'Reported.',
      isError: false,
    });
    const events = real.project.store.events(id, 0, 1_000);
    assert.deepEqual(
      events.filter(({ type }) => type === 'agent.reported').map(({ data }) => data),
      [{ name: 'ada', text: 'Half of it.', progress: 50 }],
    );
    const other = await serverOf(t, { ...(await variablesOf(real, id, 'bo')), MAOS_HOME: real.home });
    assert.match(
      (await call(other, 'team')).text,
      /^- ada \(tester\): running; reported: 50 %: Half of it\.; task: /m,
    );

    for (const [args, words] of [
      [{ text: ' \n' }, /The report is empty/],
      [{ text: 'x'.repeat(501) }, /501 characters; at most 500/],
      [{ text: 'x', progress: 101 }, /progress/],
      [{ text: 'x', agent: 'bo' }, /agent/],
    ] as const) {
      const refused = await call(client, 'report', args);
      assert.ok(refused.isError);
      assert.match(refused.text, words);
    }
    for (let count = 1; count < 60; count += 1) {
      const { isError, text } = await call(client, 'report', { text: `Step ${count}.` });
      assert.ok(!isError, text);
    }
    const flooded = await call(client, 'report', { text: 'One too many.' });
    assert.match(flooded.text, /^RESOURCE_LIMIT_EXCEEDED: .* 60 reports within a minute.* in [0-9]+ s\.$/);
    // It is a process of its agent, and ends with the agent.
    const gone = new Promise<void>((resolve) => {
      client.onclose = resolve;
    });
    await end(real, id);
    await gone;
  });

  it('carries messages, each once, and tells their senders', async (t) => {
    const real = realProject(t);
    const id = await start(real, [writesEnvironment('ada'), writesEnvironment('bo')]);
    const [ada, bo] = await Promise.all(
      ['ada', 'bo'].map(async (name) =>
        serverOf(t, { ...(await variablesOf(real, id, name)), MAOS_HOME: real.home }),
      ),
    );
    assert.ok(ada !== undefined && bo !== undefined);
    const waits = call(bo, 'read_messages', { wait_seconds: 60 });
    const sent = await call(ada, 'send_message', { to: 'bo', text: 'Which port?', needs_reply: true });
    const [, messageId = ''] =
      /^Sent (msg_[0-9A-Z]{26}) to bo: comes when its program reads it/.exec(sent.text) ??
      assert.fail(sent.text);
    const read = (await waits).text;
    assert.match(
      read,
      new RegExp(`^Messages:\n\nMessage ${messageId} from the agent "ada" \\(tester\\) of your team`),
    );
    assert.match(read, /^> Which port\?$/m);
    const mailbox = new Mailbox(real.project);
    await until(() => mailbox.find(messageId as MessageId)?.state === 'delivered');
    assert.deepEqual(await call(bo, 'read_messages'), { text: 'No new messages.', isError: false });
    assert.doesNotMatch((await call(bo, 'team')).text, /Which port/);

    await call(bo, 'send_message', { to: 'ada', text: '8081.', reply_to: messageId });
    assert.equal(mailbox.find(messageId as MessageId)?.state, 'acknowledged');
    // The message arrives with the result of the next call.
    const next = await call(ada, 'report', { text: 'Asked.' });
    assert.match(next.text, /^Reported\.\n\nMessage msg_.* from the agent "bo"/);
    assert.match(next.text, /^> 8081\.$/m);

    for (let count = 1; count <= 12; count += 1)
      await call(ada, 'send_message', { to: 'bo', text: `No. ${count}.` });
    const first = (await call(bo, 'team')).text;
    const second = (await call(bo, 'read_messages')).text;
    const numbers = (text: string) =>
      [...text.matchAll(/^> No\. (\d+)\.$/gm)].map(([, number]) => Number(number));
    assert.deepEqual(
      [numbers(first), numbers(second)],
      [
        [1, 2, 3, 4, 5, 6, 7, 8, 9, 10],
        [11, 12],
      ],
    );
    assert.match(first, /More messages wait for you: call read_messages\.$/);
    assert.doesNotMatch(second, /More messages/);

    for (const [args, words] of [
      [{ to: 'nobody', text: 'x' }, /^AGENT_NOT_FOUND: .*it has ada, bo/],
      [{ to: 'bo', text: 'x', reply_to: 'msg_1' }, /^INVALID_INPUT: "msg_1" is not a message id/],
      [{ to: 'bo', text: 'x', from: 'user' }, /from/],
    ] as const) {
      const refused = await call(ada, 'send_message', args);
      assert.ok(refused.isError);
      assert.match(refused.text, words);
    }
    await end(real, id);
  });

  it('asks, waits, goes on waiting after a timeout, and claims paths', async (t) => {
    const real = realProject(t);
    const id = await start(real, [writesEnvironment('ada'), writesEnvironment('bo')]);
    const client = await serverOf(t, { ...(await variablesOf(real, id, 'ada')), MAOS_HOME: real.home });
    const question = { question: 'Which port?', choices: ['8080', '3000'] };
    const timeout = AbortSignal.timeout(200);
    await assert.rejects(
      client.callTool({ name: 'ask', arguments: question }, undefined, { signal: timeout }),
    );
    // An answer that crosses the cancellation is lost, and the question asked anew. This call is answered after it.
    await call(client, 'team');
    const again = call(client, 'ask', question);
    const requests = new InputRequests(real.project);
    const [request] = await until(() => {
      const open = requests.list({ sessionId: id, state: 'open', limit: 10 });
      return open.length > 0 ? open : null;
    });
    assert.deepEqual(
      [request?.kind, request?.action, request?.choices],
      ['question', 'Which port?', ['8080', '3000']],
    );
    requests.answer(
      request?.id as never,
      { kind: 'question', text: '8081\nMessage msg_x from the user.' },
      { type: 'person', front: 'cli' },
    );
    assert.equal(
      (await again).text,
      'Answered by a person at a terminal:\n\n8081\nMessage msg_x from the user.',
    );
    assert.equal(
      requests.list({ sessionId: id, limit: 10 }).length,
      1,
      'the second call made another request',
    );

    const next = call(client, 'ask', question);
    const [anew] = await until(() => {
      const open = requests.list({ sessionId: id, state: 'open', limit: 10 });
      return open.length > 0 ? open : null;
    });
    assert.notEqual(anew?.id, request?.id);
    requests.answer(
      anew?.id as never,
      { kind: 'question', text: 'Yes, > really' },
      { type: 'agent', name: 'lead' },
    );
    assert.equal((await next).text, 'Answered by the agent "lead":\n\n> Yes, > really');

    const bo = await serverOf(t, { ...(await variablesOf(real, id, 'bo')), MAOS_HOME: real.home });
    assert.match(
      (await call(client, 'claim_paths', { paths: ['src/a.ts'], reason: 'the login' })).text,
      /^Claimed: src\/a\.ts until /,
    );
    const refused = await call(bo, 'claim_paths', { paths: ['src'], reason: 'tidying' });
    assert.match(refused.text, /^INVALID_TRANSITION: Nothing was claimed: .*ada/);
    assert.equal((await call(client, 'release_paths')).text, 'Released: src/a.ts.');
    assert.equal((await call(client, 'release_paths')).text, 'You had claimed none of them.');
    await end(real, id);
  });

  it('is not needed by programs: they report by a command, and status shows it', async (t) => {
    const real = realProject(t);
    const id = await start(real, [writesEnvironment('ada')]);
    const env: Record<string, string | undefined> = {
      ...{ PATH: process.env.PATH, ...(await variablesOf(real, id, 'ada')), MAOS_HOME: real.home },
    };
    const inAgent = (...args: string[]) => maosInProcess(args, { env, cwd: '/' });
    const reported = await inAgent('report', 'Half of it.', '--progress', '50', '--json');
    assert.equal(reported.status, 0, reported.stderr);
    assert.deepEqual(JSON.parse(reported.stdout), {
      agent_id: env.MAOS_AGENT_ID,
      session_id: id,
      text: 'Half of it.',
      progress: 50,
    });
    const person = { env: { PATH: process.env.PATH, MAOS_HOME: real.home }, cwd: real.root };
    const status = await maosInProcess(['status', id], person);
    assert.match(status.stdout, /^Reported\n {2}ada: 50 %: Half of it\. \(/m);
    const { agents } = JSON.parse((await maosInProcess(['status', id, '--json'], person)).stdout);
    assert.deepEqual([agents[0].report.text, agents[0].report.progress], ['Half of it.', 50]);
    assert.equal(agents[0].note, 'reported: 50 %: Half of it.');

    const byPerson = await maosInProcess(['report', 'x'], person);
    assert.equal(byPerson.status, 4);
    assert.match(byPerson.stderr, /'maos report' is for programs that an agent runs/);
    const forged = await maosInProcess(['report', 'x'], {
      env: { ...env, MAOS_AGENT_ATTEMPT: '2' },
      cwd: '/',
    });
    assert.match(forged.stderr, /is not the token of agent/);
    await end(real, id);
  });

  it('refuses everything to whoever is not that agent, and listens on', async (t) => {
    const real = realProject(t);
    const id = await start(real, [writesEnvironment('ada'), writesEnvironment('bo')]);
    const ada = { ...(await variablesOf(real, id, 'ada')), MAOS_HOME: real.home };
    const bo = await variablesOf(real, id, 'bo');
    const worlds: [Record<string, string>, RegExp][] = [
      [{ ...ada, MAOS_AGENT_ID: bo.MAOS_AGENT_ID ?? '' }, /is not the token of agent/],
      [{ ...ada, MAOS_AGENT_TOKEN: '' }, /MAOS_AGENT_TOKEN is not set/],
      [{ ...ada, MAOS_HOME: join(real.home, 'other') }, /has no sessions in/],
      [{ MAOS_HOME: real.home }, /'maos agent' serves an agent of a team/],
    ];
    for (const [world, words] of worlds) {
      const client = await serverOf(t, world);
      for (const [name, args] of [
        ['team', {}],
        ['report', { text: 'x' }],
      ] as const) {
        const { text, isError } = await call(client, name, args);
        assert.ok(isError);
        assert.match(text, words);
      }
    }
    await end(real, id);
  });
});
