import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import type { Hono } from 'hono';
import { runIdOf, sessionOfRun } from '../../../../src/application/control/acp-runs.ts';
import { makeSessionId } from '../../../../src/domain/ids.ts';
import { makeIdSource } from '../../../../src/infrastructure/ids.ts';
import { isSettled } from '../../../../src/presentation/http/acp/run-source.ts';
import {
  type AcpEvent,
  type AgentManifest,
  errorSchema,
  manifestSchema,
  type Run,
} from '../../../../src/presentation/http/acp/schemas.ts';
import { acpApp } from '../../../helpers/acp-bench.ts';
import {
  claudeProject,
  fakeClaude,
  player,
  type Step,
  startsOf,
  success,
  turn,
} from '../../../helpers/fake-claude.ts';
import { fc } from '../../../helpers/properties.ts';
import { eventOf, openRealProject, type RealProject } from '../../../helpers/real-project.ts';
import { until } from '../../../helpers/waiting.ts';

interface Bench {
  readonly real: RealProject;
  readonly app: Hono;
}

function bench(t: TestContext, settings = { defaultBackend: 'claude' }): Bench {
  const real = claudeProject(t, { settings });
  return { real, app: acpApp({ real }) };
}

/** The steps of a run's agent at each of its starts. */
function plays(real: RealProject, name: string, ...starts: (readonly Step[])[]): void {
  player(real.root, name, starts);
}

function input(text: string) {
  return [{ role: 'user', parts: [{ content: text, content_type: 'text/plain' }] }];
}

async function post(app: Hono, path: string, body: unknown): Promise<Response> {
  return app.request(`/acp${path}`, { method: 'POST', body: JSON.stringify(body) });
}

async function runOf(response: Response, status = 200): Promise<Run> {
  const text = await response.text();
  assert.equal(response.status, status, text);
  return JSON.parse(text);
}

async function get<T>(app: Hono, path: string): Promise<T> {
  const response = await app.request(`/acp${path}`);
  assert.equal(response.status, 200, path);
  return (await response.json()) as T;
}

const goOn = { type: 'message', message: { role: 'user', parts: [] } };

function tool(name: string, command: string): Step {
  const content = [{ type: 'tool_use', name, input: { command } }];
  return {
    line: { type: 'assistant', message: { id: `use_${name}`, model: 'claude-x', usage: {}, content } },
  };
}

describe('acp: roles of MAOS', () => {
  it('are agents, those of files too', async (t) => {
    const { real, app } = bench(t);
    mkdirSync(join(real.root, '.claude', 'agents'), { recursive: true });
    const file = '---\nname: lawn-mower\ndescription: Mows lawns.\n---\nYou mow.\n';
    writeFileSync(join(real.root, '.claude', 'agents', 'lawn-mower.md'), file);
    const { agents } = await get<{ agents: { name: string; description: string }[] }>(app, '/agents');
    const names = agents.map(({ name }) => name);
    assert.ok(names.includes('backend-engineer'));
    assert.ok(names.includes('lawn-mower'));
    const one = await get<{ description: string }>(app, '/agents/backend_engineer');
    assert.equal(one.description, agents.find(({ name }) => name === 'backend-engineer')?.description);
  });

  it('do what they are asked, and tell how', async (t) => {
    const { real, app } = bench(t);
    plays(real, 'one', [
      turn(1, 'Looking.'),
      tool('Bash', 'npm test'),
      turn(1, 'All done.'),
      success('All done.'),
    ]);
    const response = await post(app, '/runs', { agent_name: 'tester', input: input('play one') });
    const run = await runOf(response);
    assert.equal(run.status, 'completed', JSON.stringify(run));
    assert.equal(run.agent_name, 'tester');
    const [message, ...others] = run.output;
    assert.deepEqual(others, []);
    assert.equal(message?.role, 'agent/tester');
    assert.deepEqual(
      message.parts.map(({ content, metadata }) => content ?? metadata),
      [
        { kind: 'trajectory', message: 'Looking.' },
        { kind: 'trajectory', tool_name: 'Bash', tool_input: { detail: 'npm test' } },
        'All done.',
      ],
    );
    assert.deepEqual(await get(app, `/runs/${run.run_id}`), run);
  });

  it('hand over the files they left, as artifacts', async (t) => {
    const { real, app } = bench(t);
    plays(real, 'files', [{ wait: 'go' }, success('Written.')]);
    const run = await runOf(
      await post(app, '/runs', { agent_name: 'tester', input: input('play files'), mode: 'async' }),
      202,
    );
    assert.equal(run.status, 'created');
    const id = sessionOfRun(run.run_id);
    const { agentId } = await eventOf(real, id, 'agent.spawned');
    const { session, agents } = real.project.store.load(id);
    const agent = agents.find((one) => one.id === agentId);
    assert.ok(agent);
    const { results } = real.project.host.locations(session, agent);
    writeFileSync(join(results, 'report.json'), '{"ok":true}');
    writeFileSync(join(results, 'dot.png'), Buffer.from([0x89, 0x50, 0x4e, 0x47, 0, 0xff]));
    writeFileSync(join(results, 'large.txt'), 'x'.repeat(300_000));
    writeFileSync(join(real.root, 'go'), '');
    const { output } = await ended(app, run.run_id);
    const parts = output[0]?.parts.filter(({ name }) => name != null) ?? [];
    assert.deepEqual(
      parts.map(({ name, content_type, content, content_encoding, content_url }) => [
        name?.split('/').at(-1),
        content_type,
        content_encoding ?? content_url?.split('/').at(-1),
        content?.length,
      ]),
      [
        ['dot.png', 'image/png', 'base64', 8],
        ['large.txt', 'text/plain', 'large.txt', undefined],
        ['report.json', 'application/json', 'plain', 11],
      ],
    );
  });

  it('fail as runs that say why', async (t) => {
    const { real, app } = bench(t);
    plays(real, 'bad', [turn(1), { exit: 3 }]);
    const run = await runOf(await post(app, '/runs', { agent_name: 'tester', input: input('play bad') }));
    assert.equal(run.status, 'failed');
    assert.equal(run.error?.code, 'server_error');
    assert.deepEqual(run.error?.data, { kind: 'exit_code' });
    assert.match(run.error?.message ?? '', /3/);
  });

  it('stream what is listed later, also by another MAOS after a restart', async (t) => {
    const { real, app } = bench(t);
    plays(real, 'long', [turn(1, 'First.'), { ms: 2_500 }, turn(1, 'Second.'), success('Third.')]);
    const asked = { agent_name: 'tester', input: input('play long'), mode: 'stream' };
    const response = await post(app, '/runs', asked);
    const streamed = framesOf(await response.text());
    assert.equal(streamed[0]?.type, 'run.created');
    assert.equal(streamed.at(-1)?.type, 'run.completed');
    const id = response.headers.get('run-id');
    assert.deepEqual((await get<{ events: AcpEvent[] }>(app, `/runs/${id}/events`)).events, streamed);
    const run = await get<Run>(app, `/runs/${id}`);
    await real.supervisor.idle();
    const later = openRealProject({
      home: real.home,
      root: real.root,
      backends: fakeClaude,
    });
    t.after(() => later.close());
    const other = acpApp({ real: later });
    assert.deepEqual((await get<{ events: AcpEvent[] }>(other, `/runs/${id}/events`)).events, streamed);
    assert.deepEqual(await get(other, `/runs/${id}`), run);
    const session = await get<{ history: string[] }>(other, `/sessions/${run.session_id}`);
    const said = await other.request(session.history[0] ?? '');
    assert.deepEqual(await said.json(), input('play long')[0]);
  });

  it('are cancelled, at work and before', async (t) => {
    const { real, app } = bench(t);
    plays(real, 'slow', [turn(1), { wait: 'never' }]);
    const asked = { agent_name: 'tester', input: input('play slow'), mode: 'async' };
    const run = await runOf(await post(app, '/runs', asked), 202);
    await eventOf(real, sessionOfRun(run.run_id), 'agent.spawned');
    const cancelled = await runOf(await post(app, `/runs/${run.run_id}/cancel`, {}), 202);
    assert.equal(cancelled.status, 'cancelling');
    const end = await ended(app, run.run_id);
    assert.deepEqual([end.status, end.error], ['cancelled', null]);
    assert.equal((await post(app, `/runs/${run.run_id}/cancel`, {})).status, 403);
  });

  it('await to be resumed after a pause, and go on with what they knew', async (t) => {
    const { real, app } = bench(t);
    plays(
      real,
      'paused',
      [turn(1, 'Begun.'), { wait: 'never' }],
      [turn(1, 'Going on.'), tool('Read', 'x'), success('Done.')],
    );
    const asked = { agent_name: 'tester', input: input('play paused'), mode: 'stream' };
    const response = await post(app, '/runs', asked);
    const runId = response.headers.get('run-id') ?? '';
    const id = sessionOfRun(runId);
    const first = response.text();
    // The conversation's id is known after its first output.
    await eventOf(real, id, 'agent.progressed');
    const pause = { sessionId: id, agentId: null, desired: 'paused', reason: 'test' } as const;
    real.project.store.request(pause, 'test', real.project.clock.now());
    real.project.watcher.notify();
    const before = framesOf(await first);
    assert.equal(before.at(-1)?.type, 'run.awaiting');
    await real.supervisor.idle();
    const waiting = await get<Run>(app, `/runs/${runId}`);
    assert.equal(waiting.status, 'awaiting');
    assert.match(waiting.await_request?.message.parts[0]?.content ?? '', /^Paused \(user\)/);
    const said = { type: 'message', message: { parts: [{ content: 'Use tabs.' }] } };
    const refused = await post(app, `/runs/${runId}`, { await_resume: said });
    assert.equal(refused.status, 422);
    assert.match(await refused.text(), /cannot pass a message.*another run with the same session_id/);
    assert.equal((await get<Run>(app, `/runs/${runId}`)).status, 'awaiting');
    const resumed = await post(app, `/runs/${runId}`, { await_resume: goOn, mode: 'stream' });
    const after = framesOf(await resumed.text());
    assert.deepEqual([after[0]?.type, after.at(-1)?.type], ['run.in-progress', 'run.completed']);
    const { events } = await get<{ events: AcpEvent[] }>(app, `/runs/${runId}/events`);
    assert.deepEqual(events, [...before, ...after]);
    assert.equal(startsOf(real.root, 'paused').length, 2);
    assert.equal((await post(app, `/runs/${runId}`, { await_resume: goOn })).status, 403);
  });

  it('go on with the conversation of their session', async (t) => {
    const { real, app } = bench(t);
    plays(real, 'talk', [turn(1), success('One, see @a.ts.')], [turn(1), success('Two.')]);
    const session_id = randomUUID();
    const asked = { agent_name: 'tester', input: input('play talk'), session_id };
    for (const _ of [1, 2]) assert.equal((await runOf(await post(app, '/runs', asked))).status, 'completed');
    const [first, second] = startsOf(real.root, 'talk');
    assert.equal(first, null);
    const runs = real.project.store.acpRuns.ofSession(session_id);
    const [begun, after] = runs.map((id) => real.project.store.load(id).agents[0]);
    assert.ok(begun?.usage);
    assert.equal(second, begun.conversation);
    assert.deepEqual(
      [begun.carried, after?.carried],
      [null, begun.usage],
      'what it had used is not counted again',
    );
    // Another agent has not received it, so the prompt contains it.
    const other = { ...asked, agent_name: 'reviewer', input: input('play talk about @b.ts') };
    const run = await runOf(await post(app, '/runs', other));
    const { task } = real.project.store.load(sessionOfRun(run.run_id)).agents[0] ?? {};
    assert.match(
      task ?? '',
      /^Said before in this session:\n\nuser:\nplay talk\n\nagent\/tester:\nOne, see \\@a\.ts\./,
    );
    assert.match(task ?? '', /\n\nNow:\n\nplay talk about @b\.ts$/, 'what is asked now may name files');
    const { history } = await get<{ history: string[] }>(app, `/sessions/${session_id}`);
    assert.equal(history.length, 6);
  });

  it('do not share a conversation: one accepted while another still runs begins its own, and each is told of the other', async (t) => {
    const { real, app } = bench(t);
    const session_id = randomUUID();
    const asked = (name: string, mode: 'sync' | 'async') => ({
      agent_name: 'tester',
      input: input(`play ${name}`),
      session_id,
      mode,
    });
    const agentOf = ({ run_id }: Run) =>
      real.project.store.load(sessionOfRun(run_id)).agents[0] ?? assert.fail();
    plays(real, 'begin', [turn(1), success('Begun.')]);
    plays(real, 'slow', [turn(1), { wait: 'go' }, success('Slow.')]);
    plays(real, 'quick', [turn(1), success('Quick.')]);
    const begun = await runOf(await post(app, '/runs', asked('begin', 'sync')));
    const slow = await runOf(await post(app, '/runs', asked('slow', 'async')), 202);
    const quick = await runOf(await post(app, '/runs', asked('quick', 'async')), 202);
    assert.equal((await ended(app, quick.run_id)).status, 'completed');
    writeFileSync(join(real.root, 'go'), '');
    assert.equal((await ended(app, slow.run_id)).status, 'completed');
    const { conversation } = agentOf(begun);
    assert.deepEqual([agentOf(slow).resumed, agentOf(quick).resumed], [conversation, null]);
    assert.match(
      agentOf(quick).task,
      /^Said before in this session:\n\nuser:\nplay begin\n\nagent\/tester:\nBegun\./,
    );
    const last = await runOf(await post(app, '/runs', asked('last', 'sync')));
    assert.equal(agentOf(last).resumed, agentOf(quick).conversation);
    assert.match(agentOf(last).task, /play slow\n\nagent\/tester:\nSlow\./);
    assert.doesNotMatch(agentOf(last).task, /play (begin|quick)/);
  });

  it('do not share a conversation: of several sent at once exactly one goes on with it', async (t) => {
    const { real, app } = bench(t);
    const asked = { agent_name: 'tester', session_id: randomUUID() };
    plays(real, 'begin', [turn(1), success('Begun.')]);
    plays(real, 'slow', [turn(1), { wait: 'go' }, success('Slow.')]);
    const agentOf = ({ run_id }: Run) =>
      real.project.store.load(sessionOfRun(run_id)).agents[0] ?? assert.fail();
    const begun = await runOf(await post(app, '/runs', { ...asked, input: input('play begin') }));
    const atOnce = await Promise.all(
      [1, 2, 3, 4].map(async () =>
        runOf(await post(app, '/runs', { ...asked, input: input('play slow'), mode: 'async' }), 202),
      ),
    );
    writeFileSync(join(real.root, 'go'), '');
    for (const { run_id } of atOnce) assert.equal((await ended(app, run_id)).status, 'completed');
    const resumed = atOnce.map((run) => agentOf(run).resumed);
    assert.deepEqual(
      resumed.filter((conversation) => conversation !== null),
      [agentOf(begun).conversation],
    );
  });

  it('do not go on with a conversation that a run has been in since without an end', async (t) => {
    const { real, app } = bench(t);
    const asked = { agent_name: 'tester', session_id: randomUUID() };
    plays(real, 'good', [turn(1), success('Good.')]);
    plays(real, 'bad', [turn(1), { exit: 3 }]);
    const seen: [string, boolean][] = [];
    for (const name of ['good', 'bad', 'good']) {
      const { run_id, status } = await runOf(
        await post(app, '/runs', { ...asked, input: input(`play ${name}`) }),
      );
      seen.push([status, real.project.store.load(sessionOfRun(run_id)).agents[0]?.resumed != null]);
    }
    assert.deepEqual(seen, [
      ['completed', false],
      ['failed', true],
      ['completed', false],
    ]);
  });

  it('have a record once they have run', async (t) => {
    const { real, app } = bench(t);
    plays(real, 'good', [turn(1), success('Good.', 90)]);
    plays(real, 'bad', [turn(1), { exit: 3 }]);
    const tester = () => get<AgentManifest>(app, '/agents/tester');
    assert.equal((await tester()).status, undefined);
    for (const name of ['good', 'good', 'good', 'bad']) {
      await runOf(await post(app, '/runs', { agent_name: 'tester', input: input(`play ${name}`) }));
    }
    const { status } = manifestSchema.parse(await tester());
    assert.equal(status?.success_rate, 75);
    assert.ok((status?.avg_run_time_seconds ?? 0) > 0);
    assert.ok((status?.avg_run_tokens ?? 0) > 60);
    const { agents } = await get<{ agents: AgentManifest[] }>(app, '/agents');
    assert.deepEqual(
      agents.filter((one) => one.status !== undefined).map(({ name }) => name),
      ['tester'],
    );
  });

  it('tell what was said with a role and with times in UTC', async (t) => {
    const { real, app } = bench(t);
    plays(real, 'told', [turn(1), success('Told.')]);
    const parts = [{ content: 'play told' }];
    const message = { parts, created_at: '2026-01-02T03:04:05+02:00' };
    const run = await runOf(await post(app, '/runs', { agent_name: 'tester', input: [message] }));
    assert.deepEqual(await get(app, `/runs/${run.run_id}/messages/0`), {
      role: 'user',
      parts,
      created_at: '2026-01-02T01:04:05.000Z',
    });
  });

  it('start no program that a request names', async (t) => {
    const { real, app } = bench(t);
    plays(real, 'plain', [turn(1), success('Plain.')]);
    const asked = { agent_name: 'tester', input: input('play plain') };
    const command = ['/bin/sh', '-c', 'echo run >named.txt'];
    const more = { command, backend: 'command', verify: 'echo run >named.txt', agents: [{ command }] };
    const run = await runOf(await post(app, '/runs', { ...asked, ...more }));
    assert.equal(run.output[0]?.parts.at(-1)?.content, 'Plain.');
    assert.equal(existsSync(join(real.root, 'named.txt')), false);
  });

  it('do not run where the user made a program of the default', async (t) => {
    const { real, app } = bench(t, { defaultBackend: 'command' });
    const response = await post(app, '/runs', { agent_name: 'tester', input: input('rm -rf .') });
    assert.equal(response.status, 422);
    const { code, data } = errorSchema.parse(await response.json());
    assert.deepEqual([code, data], ['invalid_input', { code: 'INVALID_PLAN' }]);
    assert.deepEqual(real.project.store.list({ limit: 1 }), []);
  });

  it('refuse what is not text', async (t) => {
    const { app } = bench(t);
    const parts = [{ content: 'iVBORw0KGgo=', content_encoding: 'base64', content_type: 'image/png' }];
    const response = await post(app, '/runs', { agent_name: 'tester', input: [{ parts }] });
    assert.equal(response.status, 422);
    assert.match(await response.text(), /image\/png is not text/);
  });
});

describe('a run id', () => {
  it('is the id of its session in other digits', () => {
    const { ulid } = makeIdSource();
    for (let i = 0; i < 100; i++) {
      const id = makeSessionId(ulid());
      assert.equal(sessionOfRun(runIdOf(id)), id);
    }
    fc.assert(fc.property(fc.uuid(), (uuid) => runIdOf(sessionOfRun(uuid)) === uuid));
    assert.equal(sessionOfRun('ffffffff-ffff-ffff-ffff-ffffffffffff'), 'sess_7ZZZZZZZZZZZZZZZZZZZZZZZZZ');
  });
});

function framesOf(text: string): readonly AcpEvent[] {
  const frames = text.split('\n\n').filter((frame) => frame.startsWith('data: '));
  return frames.map((frame) => JSON.parse(frame.slice('data: '.length)) as AcpEvent);
}

/** Polls until the run has ended, like the clients. */
function ended(app: Hono, id: string): Promise<Run> {
  return until(async () => {
    const run = await get<Run>(app, `/runs/${id}`);
    return isSettled(run.status) ? run : null;
  }, `the end of ${id}`);
}
