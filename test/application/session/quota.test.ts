import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { requestResume } from '../../../src/application/control/control.ts';
import type { Settings } from '../../../src/application/ports/settings.ts';
import { agentProcesses } from '../../helpers/agent-processes.ts';
import { claudeProject, player, refusal, startsOf, success, turn } from '../../helpers/fake-claude.ts';
import { Gate } from '../../helpers/gate.ts';
import {
  eventOf,
  outcome,
  type RealProject,
  run,
  settled,
  shell,
  start,
} from '../../helpers/real-project.ts';

function project(t: TestContext, quota: Partial<Settings['quota']> = {}): RealProject {
  const policy = {
    maxRetries: 3,
    baseDelayMs: 300,
    maxDelayMs: 5_000,
    autoResume: false,
    refusedMs: null,
    ...quota,
  };
  return claudeProject(t, { settings: { quota: policy } });
}

const hours = (count: number) => new Date(Math.floor(Date.now() / 1000) * 1000 + count * 3_600_000);

describe('a provider that refuses for a while', () => {
  it('is asked again by itself, later each time, in the same conversation', async (t) => {
    const real = project(t);
    const { root } = real;
    const done = await run(real, [
      player(root, 'a', [refusal(null), refusal(null), [turn(5), success('At last.')]]),
    ]);
    assert.deepEqual([done.state, done.agent('a').result], ['completed', 'At last.']);
    const starts = startsOf(root, 'a');
    assert.equal(starts.length, 3);
    assert.deepEqual(starts.slice(1), [done.agent('a').conversation, done.agent('a').conversation]);
    const postponed = done.of('agent.postponed', 'a');
    const delays = postponed.map(({ at, data }) => Date.parse(data.until) - Date.parse(at));
    const [first = 0, second = 0, ...more] = delays;
    assert.deepEqual(more, []);
    assert.ok(first >= 300 && first <= 375, `${first} ms`);
    assert.ok(second >= 600 && second <= 750, `${second} ms`);
    for (const [index, { data }] of postponed.entries()) {
      const next = done.of('agent.started', 'a')[index + 1];
      assert.ok((next?.at ?? '') >= data.until, 'not before its time');
      assert.match(data.reason, /Request rejected \(429\).*refusal/);
    }
    assert.deepEqual([done.agent('a').postponed, done.agent('a').attempt], [0, 3]);
    assert.deepEqual(done.of('agent.failed'), []);
  });

  it('holds back the siblings of its backend, and no others', async (t) => {
    const real = project(t, { baseDelayMs: 1_000 });
    const { root } = real;
    const gate = new Gate(root, 'go');
    const id = await start(real, [
      player(root, 'refused', [refusal(null), [success('Later.')]]),
      shell('first', gate.wait),
      player(root, 'sibling', [[success('Sibling.')]], { depends_on: ['first'] }),
      shell('stranger', 'echo stranger', { depends_on: ['first'] }),
    ]);
    const { data } = await eventOf(real, id, 'agent.postponed', 'refused');
    gate.openNow();
    const done = await settled(real, id);
    assert.equal(done.state, 'completed');
    const startOf = (name: string) => done.of('agent.started', name).at(-1)?.at ?? '';
    assert.ok(startOf('sibling') >= data.until, 'held back');
    assert.ok(startOf('stranger') < data.until, 'not held back');
    assert.deepEqual(done.of('agent.waiting', 'sibling')[0]?.data, {
      ...{ name: 'sibling', cause: 'provider', until: data.until },
    });
  });
});

describe('a provider that refuses for long', () => {
  it('pauses the session until then; what runs is let finish first, and nothing new starts', async (t) => {
    const real = project(t);
    const { root } = real;
    const gate = new Gate(root, 'go');
    const until = hours(2);
    const id = await start(real, [
      player(root, 'refused', [refusal(until), [success('Later.')]]),
      shell('running', `${gate.wait}; echo finished`),
      shell('next', 'echo next', { depends_on: ['running'] }),
    ]);
    await eventOf(real, id, 'agent.postponed', 'refused');
    assert.equal(outcome(real, id).state, 'running');
    gate.openNow();
    const paused = await settled(real, id);
    const { session } = real.project.store.summary(id);
    assert.deepEqual([paused.state, session.pauseReason], ['paused', 'quota']);
    assert.ok(Date.parse(session.resumeAt ?? '') >= until.getTime(), `${session.resumeAt}`);
    assert.deepEqual(
      ['refused', 'running', 'next'].map((name) => paused.agent(name).state),
      ['resumable', 'completed', 'pending'],
    );
    assert.deepEqual(real.project.store.dueForResume(session.resumeAt ?? ''), [id]);
    // A user who resumes it earlier wants an earlier try.
    await requestResume(real.project, real.supervisor, id, 'test', 'Try.');
    const done = await settled(real, id);
    assert.deepEqual([done.state, done.agent('refused').result], ['completed', 'Later.']);
    assert.equal(startsOf(root, 'refused').length, 2);
  });

  it('or too often pauses it as well', async (t) => {
    const real = project(t, { maxRetries: 1, baseDelayMs: 100, maxDelayMs: 60_000 });
    // A provider whose clock is behind, or that names the end of the last window, must not get more requests.
    const passed = refusal(new Date(Date.now() - 2_000));
    const paused = await run(real, [player(real.root, 'a', [passed])]);
    const { session } = real.project.store.summary(paused.id);
    assert.deepEqual([paused.state, session.pauseReason], ['paused', 'quota']);
    assert.equal(startsOf(real.root, 'a').length, 2);
    assert.match(
      paused.of('agent.postponed').at(-1)?.data.reason ?? '',
      /consecutive refusals: 2, the session/,
    );
    assert.ok(Date.parse(session.resumeAt ?? '') > Date.now() + 30_000, 'the pause is one');
  });
});

describe('a sign-in that is not accepted', () => {
  it('stops the agent at once, before its CLI has given up, and says what to do', async (t) => {
    const real = project(t);
    const retry = { type: 'system', subtype: 'api_retry', attempt: 1, max_retries: 10, retry_delay_ms: 600 };
    const refused = { line: { ...retry, error_status: 401, error: 'authentication_failed' } };
    // Otherwise it would continue only after an hour.
    const done = await run(real, [player(real.root, 'a', [[refused, { ms: 3_600_000 }, success('No.')]])]);
    assert.equal(done.agent('a').failure?.kind, 'auth_required');
    assert.match(
      done.agent('a').failure?.message ?? '',
      /rejected the credentials \(401\)\. Run 'claude' once/,
    );
    assert.equal(startsOf(real.root, 'a').length, 1, 'not tried again');
    assert.deepEqual(agentProcesses([done.agent('a').id]), []);
  });

  it('that the provider accepts at the next try is none', async (t) => {
    const real = project(t);
    const overloaded = { type: 'system', subtype: 'api_retry', error_status: 529, error: 'overloaded' };
    const done = await run(real, [player(real.root, 'a', [[{ line: overloaded }, success('Fine.')]])]);
    assert.equal(done.agent('a').result, 'Fine.');
  });
});
