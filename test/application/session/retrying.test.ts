import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { requestCancel, requestRetry } from '../../../src/application/control/control.ts';
import { controlUntilReached } from '../../../src/application/control/follow-control.ts';
import type { SessionId } from '../../../src/domain/ids.ts';
import { Gate } from '../../helpers/gate.ts';
import { otherMaos } from '../../helpers/other-maos.ts';
import {
  eventOf,
  outcome,
  type RealProject,
  realProject,
  run,
  settled,
  shell,
  start,
} from '../../helpers/real-project.ts';

/** Fails until the gate is open, and records every start. */
function stubborn(_fixed: Gate, name: string, dependsOn: readonly string[] = []) {
  return shell(name, `${mark(name)}; [ -e fixed.gate ] && echo ${name} done`, { depends_on: [...dependsOn] });
}

const mark = (name: string) => `echo ${name} >>ran.txt`;

/** Number of starts of each agent, according to the agents' own records. */
function ran({ root }: RealProject): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const name of readFileSync(join(root, 'ran.txt'), 'utf8').trimEnd().split('\n')) {
    counts[name] = (counts[name] ?? 0) + 1;
  }
  return counts;
}

const retry = ({ project, supervisor }: RealProject, id: SessionId, agent: string | null = null) => {
  const agentId = agent === null ? null : agentOf(project, id, agent);
  return requestRetry(project, supervisor, id, agentId, 'test', 'Once more.');
};

function agentOf({ store }: RealProject['project'], id: SessionId, name: string) {
  return store.load(id).agents.find((agent) => agent.name === name)?.id ?? assert.fail();
}

describe('retrying a failed session', () => {
  it('runs again what failed and what was cancelled because of it, and nothing that completed', async (t) => {
    const real = realProject(t);
    const gate = new Gate(real.root, 'fixed');
    const first = await run(real, [
      shell('done', `${mark('done')}; echo done`),
      stubborn(gate, 'bad', ['done']),
      shell('after', `${mark('after')}; cat`, { depends_on: ['bad'] }),
    ]);
    assert.deepEqual([first.state, first.agent('after').state], ['failed', 'cancelled']);
    gate.openNow();
    await retry(real, first.id);
    const second = await settled(real, first.id);
    assert.equal(second.state, 'completed');
    assert.deepEqual(ran(real), { done: 1, bad: 2, after: 1 });
    assert.deepEqual(
      ['done', 'bad', 'after'].map((name) => second.agent(name).attempt),
      [1, 2, 1],
    );
    assert.equal(second.agent('bad').result, 'bad done', 'nothing of the first attempt');
    assert.deepEqual(second.of('session.retried')[0]?.data.agents, ['bad', 'after']);
    assert.equal(second.of('session.requested').at(-1)?.data.action, 'retry');
    await assert.rejects(retry(real, first.id), {
      code: 'INVALID_TRANSITION',
      message: /cannot be retried: it has completed\. Only failed/,
      details: { sessionId: first.id, from: 'completed', to: 'running' },
    });
  });

  it('can be about one agent alone', async (t) => {
    const real = realProject(t);
    const gate = new Gate(real.root, 'fixed');
    const { id } = await run(real, [stubborn(gate, 'a'), stubborn(gate, 'b'), shell('c', mark('c'))]);
    gate.openNow();
    await retry(real, id, 'a');
    const second = await settled(real, id);
    assert.equal(second.state, 'failed', 'b has failed still');
    assert.deepEqual(ran(real), { a: 2, b: 1, c: 1 });
    await assert.rejects(retry(real, id, 'c'), { code: 'INVALID_TRANSITION', message: /has completed/ });
    await retry(real, id, 'b');
    assert.equal((await settled(real, id)).state, 'completed');
  });

  it('is done by any process, also when the one that ran it was killed', async (t) => {
    const real = realProject(t);
    const other = await otherMaos(t, real);
    const gate = new Gate(real.root, 'fixed');
    const id = await other.start({ objective: 'x', agents: [stubborn(gate, 'a')] });
    await other.event(({ type }) => type === 'session.failed');
    await other.kill();
    gate.openNow();
    await retry(real, id);
    assert.equal((await settled(real, id)).state, 'completed');
    assert.deepEqual(ran(real), { a: 2 });
  });

  it('twice at once runs it once', async (t) => {
    const real = realProject(t);
    const newOwner = realProject(t, { home: real.home, root: real.root });
    const gate = new Gate(real.root, 'fixed');
    const { id } = await run(real, [stubborn(gate, 'a')]);
    gate.openNow();
    const results = await Promise.allSettled([retry(real, id), retry(newOwner, id)]);
    assert.ok(
      results.some(({ status }) => status === 'fulfilled'),
      JSON.stringify(results),
    );
    assert.equal((await settled(real, id)).state, 'completed');
    assert.deepEqual(ran(real), { a: 2 });
  });
});

describe('retrying in a session that still runs', () => {
  it('starts the failed agent again, and what was cancelled because of it', async (t) => {
    const real = realProject(t);
    const [fixed, end] = [new Gate(real.root, 'fixed'), new Gate(real.root, 'end')];
    const id = await start(real, [
      stubborn(fixed, 'bad'),
      shell('after', mark('after'), { depends_on: ['bad'] }),
      shell('long', `${mark('long')}; ${end.wait}`),
    ]);
    await eventOf(real, id, 'agent.cancelled', 'after');
    fixed.openNow();
    await retry(real, id, 'bad');
    await eventOf(real, id, 'agent.completed', 'after');
    assert.equal(outcome(real, id).agent('long').state, 'running');
    end.openNow();
    const done = await settled(real, id);
    assert.equal(done.state, 'completed');
    assert.deepEqual(ran(real), { bad: 2, after: 1, long: 1 });
  });

  it('as a whole goes where one agent would be in the way of the other', async (t) => {
    const real = realProject(t);
    const [fixed, end] = [new Gate(real.root, 'fixed'), new Gate(real.root, 'end')];
    const id = await start(real, [
      stubborn(fixed, 'join', ['a', 'b']),
      stubborn(fixed, 'a'),
      stubborn(fixed, 'b'),
      shell('long', end.wait),
    ]);
    for (const name of ['a', 'b']) await eventOf(real, id, 'agent.failed', name);
    fixed.openNow();
    await retry(real, id);
    await eventOf(real, id, 'agent.completed', 'join');
    end.openNow();
    assert.equal((await settled(real, id)).state, 'completed');
    assert.deepEqual(ran(real), { a: 2, b: 2, join: 1 });
  });
});

/** One agent has failed; the other one ends when the gate opens, and the session fails. */
async function failing(t: TestContext) {
  const real = realProject(t);
  const newOwner = realProject(t, { home: real.home, root: real.root });
  const [fixed, end] = [new Gate(real.root, 'fixed'), new Gate(real.root, 'end')];
  const id = await start(real, [stubborn(fixed, 'bad'), shell('long', `${mark('long')}; ${end.wait}`)]);
  await eventOf(real, id, 'agent.failed', 'bad');
  return { real, newOwner, fixed, end, id, bad: agentOf(real.project, id, 'bad') };
}

describe('a retry that is asked for in the moment in which the session fails', () => {
  it('before its end is stored is heard first: the session goes on', async (t) => {
    const { real, newOwner, fixed, end, id, bad } = await failing(t);
    fixed.openNow();
    const { store } = real.project;
    const commit = store.commit.bind(store);
    let asked = false;
    store.commit = (...args) => {
      if (!asked && args[2].events.some(({ type }) => type === 'session.failed')) {
        asked = true;
        const wish = { sessionId: id, agentId: bad, desired: 'pending', reason: 'Once more.' } as const;
        newOwner.project.store.request(wish, 'test', newOwner.project.clock.now());
      }
      return commit(...args);
    };
    end.openNow();
    const done = await settled(real, id);
    assert.ok(asked);
    assert.equal(done.state, 'completed');
    assert.deepEqual(ran(real), { bad: 2, long: 1 });
    assert.equal(done.of('session.failed').length, 0);
  });

  it('after that is done by whoever asked', async (t) => {
    const { real, newOwner, fixed, end, id } = await failing(t);
    const { store } = newOwner.project;
    const stale = store.load(id);
    end.openNow();
    assert.equal((await settled(real, id)).state, 'failed');
    fixed.openNow();
    // The request is based on a view from before the end, but arrives after it.
    t.mock.method(store, 'load', () => stale, { times: 1 });
    const signal = AbortSignal.timeout(30_000);
    const request = { action: 'retry', agentId: null, by: 'test', reason: 'Once more.' } as const;
    assert.equal((await controlUntilReached({ ...newOwner, id }, request, signal)).done, true);
    assert.equal((await settled(newOwner, id)).state, 'completed');
    assert.deepEqual(ran(real), { bad: 2, long: 1 });
  });
});

describe('a retry that has become impossible', () => {
  it('because another was faster is refused, and does not come about later', async (t) => {
    const { real, newOwner, fixed, end, id, bad } = await failing(t);
    const stale = newOwner.project.store.load(id);
    fixed.openNow();
    await retry(real, id, 'bad');
    await eventOf(real, id, 'agent.completed', 'bad');
    t.mock.method(newOwner.project.store, 'load', () => stale, { times: 1 });
    const late = requestRetry(newOwner.project, newOwner.supervisor, id, bad, 'test', 'Once more.');
    await assert.rejects(late, {
      code: 'INVALID_TRANSITION',
      message: /has completed: only an agent that failed/,
    });
    end.openNow();
    const done = await settled(real, id);
    assert.deepEqual([done.state, done.agent('bad').attempt], ['completed', 2]);
  });

  it('under its owner is refused with the reason: whoever waits for it hears of it', async (t) => {
    const real = realProject(t);
    const [fixed, end] = [new Gate(real.root, 'fixed'), new Gate(real.root, 'end')];
    const id = await start(real, [
      stubborn(fixed, 'base'),
      stubborn(fixed, 'top', ['base']),
      shell('long', end.wait),
    ]);
    await eventOf(real, id, 'agent.cancelled', 'top');
    const { store } = real.project;
    const load = store.load.bind(store);
    // A view in which nothing prevents the retry of 'top'.
    const free = load(id);
    const agents = free.agents.map((agent) => ({ ...agent, dependsOn: [] }));
    t.mock.method(store, 'load', () => ({ ...free, agents }), { times: 1 });
    const top = free.agents.find(({ name }) => name === 'top')?.id ?? assert.fail();
    const request = { action: 'retry', agentId: top, by: 'test', reason: 'Once more.' } as const;
    const asked = controlUntilReached({ ...real, id }, request, AbortSignal.timeout(30_000));
    await assert.rejects(asked, { code: 'INVALID_TRANSITION', message: /refused the retry\. .*'base'/ });
    const { data } = outcome(real, id).of('session.request_refused')[0] ?? assert.fail();
    assert.deepEqual([data.action, data.agent], ['retry', 'top']);
    assert.deepEqual(store.requestsFor(real.project.instance), []);
    end.openNow();
    assert.equal((await settled(real, id)).state, 'failed');
  });
});

describe('retrying a cancelled session', () => {
  it('is refused: it is final', async (t) => {
    const real = realProject(t);
    const id = await start(real, [shell('a', 'sleep 300')]);
    await eventOf(real, id, 'agent.spawned', 'a');
    await requestCancel(real.project, real.supervisor, id, 'test', 'Enough.');
    await settled(real, id);
    await assert.rejects(retry(real, id), { code: 'INVALID_TRANSITION', message: /it was cancelled/ });
  });
});
