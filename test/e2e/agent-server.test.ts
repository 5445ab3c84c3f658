import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';
import type { SessionId } from '../../src/domain/ids.ts';
import { variablesOf, writesEnvironment } from '../helpers/agent-variables.ts';
import { type RealProject, realProject, settled, start } from '../helpers/real-project.ts';
import { bundle } from '../presentation/cli/maos-process.ts';

/** The server as a CLI of an agent starts it: in any folder, with what it is told and little more. */
async function serverOf(t: TestContext, env: Record<string, string>): Promise<Client> {
  const client = new Client({ name: 'a CLI', version: '1' });
  const PATH = dirname(process.execPath);
  await client.connect(
    new StdioClientTransport({
      command: process.execPath,
      args: [bundle, 'agent'],
      env: { PATH, ...env },
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
    // It is a process of its agent, and is ended with it.
    const gone = new Promise<void>((resolve) => {
      client.onclose = resolve;
    });
    await end(real, id);
    await gone;
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
