import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { orchestrate } from '../../../src/application/control/orchestrate.ts';
import { findRequest } from '../../../src/application/queries/lookup.ts';
import { InputRequests } from '../../../src/application/requests/input-requests.ts';
import type { ApprovalRule } from '../../../src/domain/approval-rule.ts';
import type { AgentId, SessionId } from '../../../src/domain/ids.ts';
import { type Answer, maxOpenRequests } from '../../../src/domain/input-request.ts';
import type { ParentAgent } from '../../../src/domain/session.ts';
import { openRealProject, type RealProject, realProject } from '../../helpers/real-project.ts';
import { TestClock } from '../../helpers/test-clock.ts';
import { created, started } from '../../infrastructure/sqlite/samples.ts';

const allow: Answer = { kind: 'permission', decision: 'allow', message: null };
const person = { type: 'person', front: 'cli' } as const;

const shellDraft = { role: 'tester', task: 'Do.', command: 'true' };

interface Desk {
  readonly real: RealProject;
  readonly requests: InputRequests;
  readonly sessionId: SessionId;
  readonly agentId: AgentId;
  readonly clock: TestClock;
  ask(more?: Partial<Parameters<InputRequests['open']>[0]>): ReturnType<InputRequests['open']>;
}

/** A session whose first agent is running, and makes requests. */
function desk(t: TestContext, rules: readonly ApprovalRule[] = [], parent?: ParentAgent): Desk {
  const clock = new TestClock();
  const real = realProject(t, {
    clock,
    settings: { approvals: { rules, expireMs: 60_000 } },
    ...(parent === undefined ? {} : { parent }),
  });
  const { project } = real;
  const planned = created();
  const lease = project.store.create(planned, project.instance);
  const running = started(planned);
  project.store.commit(lease, planned.next, running);
  const { sessionId } = lease;
  const agentId = running.next.agents[0]?.id ?? assert.fail();
  const requests = new InputRequests(project);
  let keys = 0;
  return {
    ...{ real, requests, sessionId, agentId, clock },
    ask: (more = {}) =>
      requests.open({
        ...{ sessionId, agentId, attempt: 1, key: `tool-${++keys}`, kind: 'permission', tool: 'Bash' },
        ...{ action: 'git push', reason: null, choices: [], ...more },
      }),
  };
}

describe('a request of an agent', () => {
  it('is answered by the first rule that fits, which it and its event name', (t) => {
    const { real, requests, sessionId, ask } = desk(t, [
      { tool: 'Bash', pattern: 'git *', decision: 'allow' },
      { tool: 'Bash', pattern: 'git push*', decision: 'deny' },
    ]);
    const [pushed, pulled, asked] = [ask(), ask({ action: 'git pull x' }), ask({ action: 'ls' })];
    assert.deepEqual(
      [pushed, pulled, asked].map(({ state, answeredBy }) => [state, answeredBy]),
      [
        ['answered', { type: 'rule', rule: 'deny Bash(git push*)' }],
        ['answered', { type: 'rule', rule: 'allow Bash(git *)' }],
        ['open', null],
      ],
    );
    assert.deepEqual(requests.list({ sessionId, state: 'open', limit: 9 }), [asked]);
    const said = real.project.store
      .events(sessionId, 0, 99)
      .filter(({ type }) => type.startsWith('request.'));
    assert.deepEqual(
      said.map(({ type, data }) => [type, 'by' in data ? data.by : null]),
      [
        ['request.answered', 'the rule deny Bash(git push*)'],
        ['request.answered', 'the rule allow Bash(git *)'],
        ['request.opened', null],
      ],
    );
  });

  it('is the latest one for the kind of answer that it takes', async (t) => {
    const { real, ask, requests } = desk(t);
    const { project } = real;
    const projects = { present: async () => project, all: () => assert.fail('only this project') };
    const latest = async (kind: 'permission' | 'question') =>
      (await findRequest(projects, 'latest', { kind })).id;
    const missing = {
      code: 'INVALID_INPUT',
      message:
        /^No permission waits for an answer in this project\. 'maos requests' lists those that are open\./,
    };
    await assert.rejects(latest('permission'), missing);
    const early = ask({ kind: 'question', tool: null, action: 'Which host?' });
    requests.answer(early.id, { kind: 'question', text: 'here' }, { type: 'person', front: 'cli' });
    await assert.rejects(latest('permission'), missing);
    assert.equal(await latest('question'), early.id, 'which then says who answered it');
    const question = ask({ kind: 'question', tool: null, action: 'Which port?' });
    assert.equal(await latest('permission'), question.id, 'which then says what it is');
    const permission = ask();
    assert.deepEqual([await latest('question'), await latest('permission')], [question.id, permission.id]);
  });

  it('of a session that is allowed everything is allowed, unless a rule of the user denies it', async (t) => {
    const real = realProject(t, {
      settings: {
        approvals: { rules: [{ tool: 'Bash', pattern: 'git push*', decision: 'deny' }], expireMs: 60_000 },
      },
    });
    const { project } = real;
    const planned = created({ approvals: 'all' });
    const lease = project.store.create(planned, project.instance);
    const running = started(planned);
    project.store.commit(lease, planned.next, running);
    assert.equal(project.store.load(lease.sessionId).session.approvals, 'all');
    const requests = new InputRequests(project);
    const agentId = running.next.agents[0]?.id ?? assert.fail();
    const ask = (action: string) =>
      requests.open({
        ...{ sessionId: lease.sessionId, agentId, attempt: 1, key: action, kind: 'permission', tool: 'Bash' },
        ...{ action, reason: null, choices: [] },
      });
    assert.deepEqual(ask('rm -rf x; ls').answeredBy, { type: 'rule', rule: 'allow * (maos run --yes)' });
    assert.deepEqual(ask('git push').answeredBy, { type: 'rule', rule: 'deny Bash(git push*)' });
  });

  it('is held against rules in full, also beyond what is stored of it', (t) => {
    const { ask } = desk(t, [{ tool: 'Bash', pattern: 'echo *', decision: 'allow' }]);
    const long = `echo ${'x'.repeat(4_050)}`;
    assert.equal(ask({ action: long }).state, 'answered');
    assert.equal(ask({ action: `${long}; rm -rf /` }).state, 'open');
  });

  it('that is a question is never answered by a rule', (t) => {
    const { ask } = desk(t, [{ tool: '*', pattern: null, decision: 'allow' }]);
    assert.equal(ask({ kind: 'question', tool: null, action: 'Which?' }).state, 'open');
  });

  it('is denied, or refused, when too many are open', (t) => {
    const { ask, requests } = desk(t);
    const open = Array.from({ length: maxOpenRequests }, () => ask());
    const more = ask();
    assert.deepEqual([more.state, more.answer], ['answered', { ...allow, decision: 'deny' }]);
    assert.throws(() => ask({ kind: 'question', tool: null, action: 'Which?' }), {
      code: 'RESOURCE_LIMIT_EXCEEDED',
    });
    requests.answer(open[0]?.id ?? assert.fail(), allow, person);
    assert.equal(ask().state, 'open');
  });

  it('that is a question is refused beyond 60 a minute, also when each is withdrawn at once', async (t) => {
    const { ask, requests, clock } = desk(t);
    const question = () => ask({ kind: 'question', tool: null, action: 'Still there?' });
    for (let count = 0; count < 60; count++) requests.withdraw(question().id);
    assert.throws(question, {
      code: 'RESOURCE_LIMIT_EXCEEDED',
      message: /60 questions a minute\. It may ask the next one at /,
    });
    // Permissions come from the CLI, which waits for each.
    assert.equal(ask().state, 'open');
    await clock.pass(60_000);
    assert.equal(question().state, 'open');
  });

  it('takes the first answer, and the same again from a second front', (t) => {
    const { ask, requests } = desk(t);
    const { id } = ask();
    const answered = requests.answer(id, allow, person);
    assert.deepEqual(requests.answer(id, allow, { type: 'person', front: 'mcp' }), answered);
    assert.throws(() => requests.answer(id, { ...allow, decision: 'deny' }, person), {
      code: 'INVALID_TRANSITION',
    });
    assert.throws(() => requests.find(`req_${'0'.repeat(26)}` as typeof id), { code: 'INVALID_INPUT' });
  });

  it('expires when its time is over, for whoever looks', async (t) => {
    const { real, ask, requests, sessionId, clock } = desk(t);
    const { id, expiresAt } = ask();
    assert.equal(requests.nextDue(sessionId), expiresAt);
    await clock.pass(60_000);
    assert.throws(() => requests.answer(id, allow, person), {
      code: 'INVALID_TRANSITION',
      message: /takes no answer: it expired at/,
    });
    assert.equal(real.project.store.inputRequests.find(id)?.state, 'expired');
    assert.equal(requests.nextDue(sessionId), null);
  });

  it('is withdrawn when nobody waits any more', (t) => {
    const { ask, requests, agentId } = desk(t);
    const [first, second] = [ask(), ask()];
    requests.answer(first.id, allow, person);
    requests.withdrawAll(agentId, 1);
    assert.deepEqual(
      [requests.find(first.id).state, requests.find(second.id).state],
      ['answered', 'withdrawn'],
    );
  });
});

describe('who waits for an answer', () => {
  it('hears of it when another process gives it', async (t) => {
    const { real, ask, requests, clock } = desk(t);
    const { id } = ask();
    const waiting = requests.waitForAnswer(id, AbortSignal.timeout(60_000));
    const other = openRealProject({ home: real.home, root: real.root, clock });
    t.after(() => other.close());
    new InputRequests(other.project).answer(id, allow, person);
    real.project.watcher.notify();
    assert.equal((await waiting).state, 'answered');
  });

  it('hears that it has expired, without anybody else looking', async (t) => {
    const { ask, requests, clock } = desk(t);
    const { id } = ask();
    const waiting = requests.waitForAnswer(id, AbortSignal.timeout(60_000));
    await clock.pass(60_000);
    assert.equal((await waiting).state, 'expired');
  });

  it('gets it as it is when the wait is ended', async (t) => {
    const { ask, requests } = desk(t);
    const { id } = ask();
    const stop = new AbortController();
    const waiting = requests.waitForAnswer(id, stop.signal);
    stop.abort();
    assert.equal((await waiting).state, 'open');
    assert.equal((await requests.waitForAnswer(id, stop.signal)).state, 'open');
  });
});

describe('an agent', () => {
  it('cannot have its own team allowed everything', async (t) => {
    const parent = { sessionId: `sess_${'0'.repeat(26)}`, agentId: 'agent_qa_1_aaaaaa' } as ParentAgent;
    const { project, supervisor } = realProject(t, { parent });
    const request = { objective: 'Do.', agents: [shellDraft], approveAll: true };
    await assert.rejects(orchestrate(project, supervisor, request, 'terminal'), { code: 'FORBIDDEN' });
    assert.deepEqual(project.store.list({ limit: 9 }), []);
  });

  it('cannot answer requests, except those of a team that it started', (t) => {
    const parent = { sessionId: `sess_${'0'.repeat(26)}`, agentId: 'agent_qa_1_aaaaaa' } as ParentAgent;
    const { real, ask, requests } = desk(t, [], parent);
    const { id } = ask();
    assert.throws(() => requests.answer(id, allow, person), { code: 'FORBIDDEN', message: /by an agent/ });
    assert.equal(requests.find(id).state, 'open');
    const { project } = real;
    const team = created({ parent: { ...parent, onEnd: 'cancel' }, depth: 1 });
    const lease = project.store.create(team, project.instance);
    const running = started(team);
    project.store.commit(lease, team.next, running);
    const own = ask({ sessionId: lease.sessionId, agentId: running.next.agents[0]?.id ?? assert.fail() });
    assert.equal(requests.answer(own.id, allow, person).state, 'answered');
  });
});
