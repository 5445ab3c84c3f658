/** The clients of the official SDK against the built server, in every way they connect to one over HTTP. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { openTokenProxy } from '../conformance/token-proxy.ts';
import { Gate } from '../helpers/gate.ts';
import { Heard } from './heard.ts';
import { serveHttp } from './http-bench.ts';
import { type CallOptions, type Conversation, subscribe, tracingEnv } from './mcp-clients.ts';
import { httpSdks } from './mcp-http-clients.ts';
import { adoptedAlive, allowPatient, begun, patientTeam, releaseAll } from './patient-team.ts';
import { converse } from './sdk-conversation.ts';
import { makeMoment, makeWorkplace, type Workplace } from './workplace.ts';

type Json = Readonly<Record<string, unknown>>;

for (const sdk of httpSdks) test(sdk.name, (t) => converse(t, sdk));

for (const sdk of httpSdks.filter(({ resumes }) => resumes)) {
  test(`${sdk.name}: a wait whose connection is cut goes on where it was`, async (t) => {
    const workplace = await makeWorkplace(t, options);
    const maos = await serveHttp(workplace);
    const proxy = await openTokenProxy(maos.port, maos.token);
    t.after(proxy.close);
    const connection = await sdk.connectTo({ ...maos, url: proxy.url });
    t.after(() => connection.client.close());
    const team = new Team(workplace);
    const session_id = await team.startBy(connection);
    const first = makeMoment('progress');
    const updates: number[] = [];
    const tokens: string[] = [];
    const waiting = ask(connection, 'wait-session', wait(session_id), {
      onresumptiontoken: (token) => tokens.push(token),
      onprogress: ({ progress }) => {
        updates.push(progress);
        if (progress === 1) first.arrive();
      },
    });
    team.first.openNow();
    await first.came;
    await proxy.cut();
    team.second.openNow();
    assert.equal((await waiting).state, 'completed');
    assert.equal(new Set(tokens).size, tokens.length);
    assert.ok(tokens.length > updates.length, `${tokens.length} places for ${updates.length} updates`);
    assert.deepEqual(updates, [...new Set(updates)].sort());
    await connection.client.close();
    await maos.end();
    await workplace.nothingLeft();
  });

  test(`${sdk.name}: another client takes up the wait of one that is gone`, async (t) => {
    const workplace = await makeWorkplace(t, options);
    const maos = await serveHttp(workplace);
    const gone = await sdk.connectTo(maos);
    const team = new Team(workplace);
    const session_id = await team.startBy(gone);
    const first = makeMoment('progress');
    let resumptionToken = '';
    const forgotten = ask(gone, 'wait-session', wait(session_id), {
      onprogress: ({ progress }) => progress === 1 && first.arrive(),
      onresumptiontoken: (token) => {
        resumptionToken = token;
      },
    });
    forgotten.catch(() => {});
    team.first.openNow();
    await first.came;
    const sessionId = gone.transport.sessionId ?? assert.fail('its session has no name');
    await gone.client.close();
    await assert.rejects(forgotten, /closed/i);

    const next = await sdk.connectTo(maos, { session: { sessionId, protocolVersion: gone.protocolVersion } });
    t.after(() => next.client.close());
    team.second.openNow();
    const { state } = await ask(next, 'wait-session', wait(session_id), { resumptionToken });
    assert.equal(state, 'completed');
    assert.equal((await ask(next, 'session-status', { session_id })).state, 'completed');
    await next.client.close();
    await maos.end();
    await workplace.nothingLeft();
  });
}

test('all of them at once, with one MAOS', async (t) => {
  const workplace = await makeWorkplace(t, options);
  const maos = await serveHttp(workplace);
  const heard = httpSdks.map(() => new Heard());
  const all = await Promise.all(
    httpSdks.map((sdk, index) => sdk.connectTo(maos, { onTold: heard[index]?.add ?? assert.fail() })),
  );
  t.after(() => Promise.all(all.map(({ client }) => client.close())));
  const [one, ...others] = all as [Conversation, ...Conversation[]];
  const team = new Team(workplace);
  const session_id = await team.startBy(one);
  const uri = `maos://sessions/${session_id}/status`;
  for (const connection of all) await subscribe(connection, [uri]);

  const off = new AbortController();
  const firsts = all.map(() => makeMoment('progress'));
  const waits = all.map((connection, index) =>
    ask(connection, 'wait-session', wait(session_id), {
      ...(connection === one ? { signal: off.signal } : {}),
      onprogress: ({ progress }) => progress === 1 && firsts[index]?.arrive(),
    }),
  );
  for (const waiting of waits) waiting.catch(() => {});
  team.first.openNow();
  for (const { came } of firsts) await came;
  off.abort('called off');
  await assert.rejects(waits[0] as Promise<Json>, /called off/);
  // What one calls off, or that it goes, is nothing to the others.
  await one.client.close();
  team.second.openNow();
  for (const waiting of waits.slice(1)) assert.equal((await waiting).state, 'completed');
  for (const listener of heard.slice(1)) await listener.until('news', () => listener.updates(uri) > 0);
  for (const { client } of others) await client.close();
  await maos.end();
  await workplace.nothingLeft();
});

for (const sdk of httpSdks) {
  test(`${sdk.name}: MAOS is killed in the middle of a wait and started again`, async (t) => {
    const workplace = await makeWorkplace(t, options);
    const maos = await serveHttp(workplace);
    const before = await sdk.connectTo(maos);
    t.after(() => before.client.close());
    const session_id = String((await ask(before, 'orchestrate', patientTeam)).session_id);
    const waiting = makeMoment('progress');
    const cut = ask(before, 'wait-session', wait(session_id), { onprogress: waiting.arrive });
    // Of its call, a client of the newer version hears at once that the connection is gone.
    const left = assert.rejects(cut, sdk.speaks >= '2026' ? /./ : /closed/i);
    await Promise.all([waiting.came, begun(workplace)]);
    await maos.kill();
    await maos.startAgain();

    const call = ask(before, 'session-status', { session_id });
    if (sdk.comesBack) {
      // It is heard again as soon as it has opened its stream anew, of which it tells nobody.
      assert.equal((await call.catch(() => untilHeard(before, session_id))).state, 'running');
    } else {
      await assert.rejects(call, /There is no such MCP session.*Initialize again/);
    }
    await before.client.close();
    await left;

    const after = await sdk.connectTo(maos);
    t.after(() => after.client.close());
    assert.equal((await ask(after, 'session-status', { session_id })).state, 'running');
    releaseAll(workplace);
    const { state, agents } = await ask(after, 'wait-session', wait(session_id));
    assert.deepEqual([state, (agents as Json[])[0]?.result], ['completed', 'patience pays']);
    await adoptedAlive(workplace);
    await after.client.close();
    await maos.end();
    await workplace.nothingLeft();
  });
}

const options = { env: tracingEnv, settings: { allowCommands: ['sh -c *', ...allowPatient.allowCommands] } };

/** Two agents, one after the other, each of which works until it is let go. */
class Team {
  readonly first: Gate;
  readonly second: Gate;

  constructor({ folder }: Workplace) {
    this.first = new Gate(folder, 'first');
    this.second = new Gate(folder, 'second');
  }

  async startBy(connection: Conversation): Promise<string> {
    const agents = [
      { name: 'first', role: 'tester', task: 'Wait.', command: ['sh', '-c', this.first.wait] },
      {
        role: 'tester',
        task: 'Wait.',
        command: ['sh', '-c', this.second.wait],
        depends_on: ['first'],
      },
    ];
    return String((await ask(connection, 'orchestrate', { objective: 'Be run.', agents })).session_id);
  }
}

/** Calls a tool that must succeed. */
async function ask(
  { callTool }: Conversation,
  name: string,
  args: Json,
  more: CallOptions = {},
): Promise<Json> {
  const result = await callTool({ name, arguments: args }, { timeout: 120_000, ...more });
  assert.notEqual(result.isError, true, JSON.stringify(result.content));
  return result.structuredContent as Json;
}

async function untilHeard(connection: Conversation, session_id: string): Promise<Json> {
  for (const since = performance.now(); ; await delay(100)) {
    try {
      return await ask(connection, 'session-status', { session_id });
    } catch (error) {
      if (performance.now() - since > 60_000) throw error;
    }
  }
}

function wait(session_id: string): Json {
  return { session_id, timeout_seconds: 100 };
}
