import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { waitForSession } from '../../../../src/application/control/control.ts';
import type { SessionId } from '../../../../src/domain/ids.ts';
import { startHttp } from '../../../../src/presentation/http/server/http-service.ts';
import { serverIdentity } from '../../../../src/presentation/mcp/server/identity.ts';
import { agentRequest, planRequest } from '../../../domain/samples.ts';
import { gitIn, makeRepository } from '../../../helpers/git-project.ts';
import { DocumentClient } from '../../../helpers/http-calls.ts';
import { openWorkbench, type Workbench } from '../../mcp/workbench.ts';

let bench: Workbench;
let client: DocumentClient;
const ending = new AbortController();
let service: Awaited<ReturnType<typeof startHttp>>;
before(async () => {
  bench = await openWorkbench();
  makeRepository(bench.root);
  const { runtime, root: projectPath } = bench;
  const identity = serverIdentity(runtime.version);
  const deps = { runtime, identity, projectPath, ending: ending.signal };
  service = await startHttp(deps, { host: '127.0.0.1', port: 0, token: 'right-token' });
  client = await DocumentClient.of(`http://127.0.0.1:${service.port}`, 'right-token');
});
after(async () => {
  ending.abort();
  await service.close(10_000);
  await bench.close();
  assert.deepEqual(bench.errors, []);
});

/** Writes a line to a file of its own, and is checked. */
function writer(name: string, file = `${name}.txt`) {
  const command = ['/bin/sh', '-c', `echo ${name} > ${file}`];
  return {
    name,
    role: 'engineer',
    task: 'Write.',
    workspace: 'worktree',
    command,
    verify: `test -s ${file}`,
  };
}

async function team(agents: readonly object[]): Promise<SessionId> {
  const started = await bench.ask('orchestrate', { objective: 'Write.', agents });
  const id = started.session_id as SessionId;
  await ended(id);
  return id;
}

async function ended(id: SessionId): Promise<void> {
  const { settled } = await waitForSession(bench.project, id, { signal: AbortSignal.timeout(60_000) });
  assert.ok(settled);
}

const git = (...args: string[]) => gitIn(bench.root, ...args);

describe('/api/sessions', () => {
  it('shows a session with the checks and changes of its agents, and lands their work', async () => {
    const session_id = await team([writer('one'), writer('two')]);
    const params = { session_id };
    const { body: status } = await client.call('getSessionStatus', { params: { session_id: 'latest' } });
    assert.deepEqual([status.session_id, status.state], [session_id, 'completed']);
    const { body: evidence } = await client.call('getEvidence', { params, query: { agent: 'two' } });
    assert.deepEqual(
      evidence.agents.map(({ name, proof }: Record<string, string>) => [name, proof]),
      [['two', 'passed']],
    );
    const { body: diff } = await client.call('getDiff', { params, query: { agent: 'one' } });
    assert.equal(diff.branch, `maos/${session_id}/one`);
    assert.match(diff.text, /^diff --git a\/one\.txt b\/one\.txt\n[\s\S]*\n\+one\n$/);
    const stat = await client.call('getDiff', { params, query: { agent: 'one', stat: 'true' } });
    assert.match(stat.body.text, /one\.txt \| 1 \+/);

    const tip = git('rev-parse', 'main');
    const preview = await client.call('landSession', { params, body: { dry_run: true } });
    assert.deepEqual(
      [preview.body.dry_run, preview.body.target, preview.body.landing_session_id],
      [true, 'main', null],
    );
    assert.deepEqual(statesOf(preview.body), [
      ['one', 'clean'],
      ['two', 'clean'],
    ]);
    assert.equal(git('rev-parse', 'main'), tip);

    const { body: landing } = await client.call('landSession', { params, body: {}, status: 202 });
    assert.deepEqual(statesOf(landing), [
      ['one', 'to_land'],
      ['two', 'to_land'],
    ]);
    await ended(landing.landing_session_id);
    assert.equal(git('show', 'main:one.txt', 'main:two.txt'), 'one\ntwo');
    const landed = { session_id: landing.landing_session_id as string };
    const { body: after } = await client.call('getSessionStatus', { params: landed });
    assert.deepEqual(statesOf({ branches: after.landed }), [
      ['one', 'landed'],
      ['two', 'landed'],
    ]);
    const again = await client.call('landSession', { params, body: {} });
    assert.equal(again.body.landing_session_id, null);
    assert.deepEqual(statesOf(again.body), [
      ['one', 'skipped'],
      ['two', 'skipped'],
    ]);
  });

  it('lands on another branch, squashed, and names in a dry run what conflicts', async () => {
    git('branch', 'develop');
    const session_id = await team([writer('three', 'same.txt'), writer('four', 'same.txt')]);
    const params = { session_id };
    const body = { into: 'develop', dry_run: true };
    const { branches } = (await client.call('landSession', { params, body })).body;
    assert.deepEqual(
      branches.map(({ agent, state, paths }: Record<string, unknown>) => [agent, state, paths]),
      [
        ['three', 'clean', undefined],
        ['four', 'conflict', ['same.txt']],
      ],
    );
    const main = git('rev-parse', 'main');
    const request = { into: 'develop', squash: true };
    const { body: landing } = await client.call('landSession', { params, body: request, status: 202 });
    assert.equal(landing.target, 'develop');
    await ended(landing.landing_session_id);
    assert.equal(git('rev-parse', 'main'), main);
    assert.equal(
      git('log', '--reverse', '-1', '--format=%an %P', 'develop^{/maos: three}'),
      `three (MAOS) ${main}`,
    );
  });

  it('refuses with what is wrong, and changes nothing', async () => {
    const { session } = bench.store(planRequest([agentRequest()]));
    const params = { session_id: session.id as string };
    const open = await client.call('landSession', { params, body: {}, status: 409 });
    assert.equal(open.body.code, 'INVALID_TRANSITION');
    const nobody = { query: { agent: 'nobody' }, status: 404 };
    for (const id of ['getEvidence', 'getDiff']) {
      assert.match(
        (await client.call(id, { params, ...nobody })).body.message,
        /has no agent named "nobody"/,
      );
    }
    const agent = bench.project.store.load(session.id).agents[0]?.name as string;
    const none = await client.call('getDiff', { params, query: { agent }, status: 409 });
    assert.match(none.body.message, /does not work in a worktree/);
    for (const body of [{ onto: 'main' }, { into: '' }, { squash: 'yes' }, []]) {
      const wrong = await client.call('landSession', { params, body, status: 400 });
      assert.match(wrong.body.message, /^body: /);
    }
    const unknown = { session_id: 'sess_00000' };
    const requests = [
      ['getSessionStatus', {}],
      ['getEvidence', {}],
      ['getDiff', { query: { agent } }],
      ['landSession', { body: {} }],
    ] as const;
    for (const [id, request] of requests) {
      assert.match(
        (await client.call(id, { ...request, params: unknown, status: 404 })).body.message,
        /There is no session "sess_00000"/,
      );
    }
  });
});

function statesOf({ branches }: { readonly branches: readonly Record<string, unknown>[] }) {
  return branches.map(({ agent, state }) => [agent, state]);
}
