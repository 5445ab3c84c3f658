import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { waitForSession } from '../../../../src/application/control/control.ts';
import type { SessionId } from '../../../../src/domain/ids.ts';
import { agentRequest, planRequest } from '../../../domain/samples.ts';
import { until } from '../../../helpers/waiting.ts';
import { type HttpBench, openHttpBench } from '../http-bench.ts';

let bench: HttpBench;
before(async () => {
  bench = await openHttpBench();
});
after(() => bench.close());

async function running(gate: string, more: readonly object[] = []): Promise<SessionId> {
  const { session_id } = await bench.ask('orchestrate', {
    objective: 'Work.',
    agents: [{ name: 'one', role: 'engineer', task: 'Go.', command: bench.gate(gate) }, ...more],
  });
  const id = session_id as SessionId;
  const { store } = bench.project;
  // The checkpoint of its start is the last that is recorded by itself.
  const isQuiet = () => store.events(id, 0, 100).some(({ type }) => type === 'checkpoint.written');
  await until(() => isQuiet() && store.load(id).agents[0]?.stage === 'executing');
  return id;
}

const stateOf = (id: SessionId) => bench.project.store.summary(id).session.state;

describe('control over HTTP', () => {
  it('says what will happen, does it, and answers once it has taken effect', async () => {
    const second = { name: 'two', role: 'engineer', task: 'Go.', command: ['true'], depends_on: ['one'] };
    const session_id = await running('control', [second]);
    const params = { session_id };
    const call = async (body: object, status = 200) =>
      (await bench.http.call('controlSession', { params, body, status })).body;
    const last = bench.project.store.lastSeq(session_id);
    const asked = await call({ action: 'pause', dry_run: true });
    assert.deepEqual(asked.title, `Pause ${session_id}?`);
    assert.match(asked.will[0], /^1 running agent stops working/);
    const agent = await call({ action: 'cancel', agent: 'one', dry_run: true });
    assert.match(agent.will.join(' '), /MAOS stops its processes\. Cancelled with it.*two/);
    assert.deepEqual([stateOf(session_id), bench.project.store.lastSeq(session_id)], ['running', last]);

    const paused = await call({ action: 'pause' });
    assert.deepEqual([paused.state, paused.pause_reason, paused.project], ['paused', 'user', bench.root]);
    const again = await call({ action: 'retry', dry_run: true }, 409);
    assert.equal(again.code, 'INVALID_TRANSITION');
    assert.equal((await call({ action: 'resume' })).state, 'running');
    const cancelled = await call({ action: 'cancel', reason: 'Enough.' });
    assert.equal(cancelled.state, 'cancelled');
    const events = bench.project.store.events(session_id, 0, 1_000);
    assert.ok(events.some(({ data }) => 'reason' in data && data.reason === 'Enough.'));
    assert.equal((await call({ action: 'cancel', dry_run: true }, 409)).code, 'INVALID_TRANSITION');
  });

  it('retries a failed agent with another limit, and refuses what makes no sense', async () => {
    const { session_id } = await bench.ask('orchestrate', {
      objective: 'Fail.',
      agents: [{ name: 'one', role: 'engineer', task: 'Go.', command: ['false'] }],
    });
    const id = session_id as SessionId;
    await waitForSession(bench.project, id, { signal: AbortSignal.timeout(60_000) });
    const params = { session_id: id };
    const refused = async (body: object, status = 400) =>
      (await bench.http.call('controlSession', { params, body, status })).body.message;
    assert.match(await refused({ action: 'stop' }), /^body: /);
    assert.match(await refused({ action: 'pause', agent: 'one' }), /applies to a whole session/);
    assert.match(await refused({ action: 'cancel', max_tokens: 5 }), /only a retry takes new limits/);
    assert.match(await refused({ action: 'retry', agent: 'nobody' }, 404), /has no agent "nobody"/);
    const body = { action: 'retry', agent: 'one', max_tokens: 5_000 };
    const foreseen = await bench.http.call('controlSession', { params, body: { ...body, dry_run: true } });
    assert.match(foreseen.body.will[0], /^Started again: one\.$/);
    await bench.http.call('controlSession', { params, body });
    const { settled } = await waitForSession(bench.project, id, { signal: AbortSignal.timeout(60_000) });
    const [agent] = bench.project.store.load(id).agents;
    assert.deepEqual([settled, agent?.attempt, agent?.budget.maxTokens], [true, 2, 5_000]);
  });

  it('reaches a session of another project by its full id', async () => {
    const { project: other } = await bench.otherProject();
    const { session } = bench.store(planRequest([agentRequest()]), other);
    const params = { session_id: session.id };
    const { body } = await bench.http.call('controlSession', { params, body: { action: 'cancel' } });
    assert.deepEqual([body.state, body.project], ['cancelled', other.path]);
  });
});
