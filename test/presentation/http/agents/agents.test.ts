import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { waitForSession } from '../../../../src/application/control/control.ts';
import type { SessionId } from '../../../../src/domain/ids.ts';
import { makeRepository } from '../../../helpers/git-project.ts';
import { type HttpBench, openHttpBench } from '../http-bench.ts';

let bench: HttpBench;
before(async () => {
  bench = await openHttpBench();
  makeRepository(bench.root);
});
after(() => bench.close());

const shell = (line: string) => ['/bin/sh', '-c', line];

async function team(agents: readonly object[]): Promise<SessionId> {
  const { session_id } = await bench.ask('orchestrate', { objective: 'Work.', agents });
  const id = session_id as SessionId;
  const { settled } = await waitForSession(bench.project, id, { signal: AbortSignal.timeout(60_000) });
  assert.ok(settled);
  return id;
}

describe('an agent of a session over HTTP', () => {
  it('has its texts, attempts, checks and files, by name and by id', async () => {
    const task = `Write.${' Carefully.'.repeat(20)}`;
    const session_id = await team([
      {
        ...{ name: 'one', role: 'engineer', task, workspace: 'worktree' },
        command: shell('echo work > a.txt; echo hello; echo oops >&2'),
        verify: 'cat a.txt',
      },
      { name: 'two', role: 'engineer', task: 'Go.', command: ['true'], depends_on: ['one'] },
    ]);
    const { body } = await bench.http.call('getSessionAgent', { params: { session_id, agent: 'one' } });
    assert.deepEqual(
      [body.session_id, body.project, body.state, body.task, body.dependents, body.truncated],
      [session_id, bench.root, 'completed', task, ['two'], []],
    );
    assert.ok(body.prompt.includes(task));
    assert.equal(body.result, 'hello');
    const [attempt, ...more] = body.attempts;
    assert.deepEqual([attempt.attempt, attempt.exit_code, more], [1, 0, []]);
    const [check] = body.checks;
    assert.deepEqual([check.command, check.passed, check.exit_code], ['cat a.txt', true, 0]);
    const byId = await bench.http.call('getSessionAgent', { params: { session_id, agent: body.agent_id } });
    assert.deepEqual(byId.body, body);

    const params = { session_id, agent: 'one' };
    const printed = await bench.http.call('getCheckOutput', { params: { ...params, check: '1' } });
    assert.deepEqual(printed.body, {
      ...{ text: 'work\n', offset: 0, next_offset: 5, size: 5, at_end: true },
    });
    const steps = await bench.http.call('getAgentSteps', { params });
    assert.deepEqual(
      steps.body.steps.map(({ kind, text }: Record<string, string>) => [kind, text]),
      [['text', 'hello\n']],
    );
    const last = await bench.http.call('getAgentSteps', {
      params,
      query: { before: 'end', stream: 'stderr' },
    });
    assert.deepEqual([last.body.steps[0].kind, last.body.steps[0].text], ['stderr', 'oops\n']);
    assert.match(last.body.steps[0].at, /^20/);
  });

  it('has its output as it is, page by page, with characters whole', async () => {
    const session_id = await team([
      {
        name: 'one',
        role: 'engineer',
        task: 'Go.',
        command: shell("printf 'é\\033[1mé😀'; printf 'x\\0' >&2"),
      },
    ]);
    const params = { session_id, agent: 'one' };
    let text = '';
    for (let offset = 0, isAtEnd = false; !isAtEnd; ) {
      const query = { offset: String(offset), limit: '5' };
      const { body } = await bench.http.call('getAgentOutput', { params, query });
      text += body.text;
      offset = body.next_offset;
      isAtEnd = body.at_end;
    }
    assert.equal(text, 'é\u001b[1mé😀');
    const tail = await bench.http.call('getAgentOutput', { params, query: { offset: '-4' } });
    assert.deepEqual([tail.body.text, tail.body.offset, tail.body.size], ['😀', 8, 12]);
    const other = await bench.http.call('getAgentOutput', { params, query: { stream: 'stderr' } });
    assert.equal(other.body.text, 'x\0');
  });

  it('is refused by what is wrong', async () => {
    const session_id = await team([{ name: 'one', role: 'engineer', task: 'Go.', command: ['true'] }]);
    const refused = async (id: string, status: number, more: object, agent = 'one') =>
      (await bench.http.call(id, { params: { session_id, agent }, status, ...more })).body.message;
    assert.match(await refused('getSessionAgent', 404, {}, 'nobody'), /has no agent named "nobody"/);
    const steps = (query: Record<string, string>) => refused('getAgentSteps', 400, { query });
    assert.match(await steps({ cursor: 'x' }), /cursor/);
    assert.match(await steps({ cursor: '0', before: 'end' }), /not both/);
    assert.match(await steps({ limit: '0' }), /limit/);
    assert.match(await steps({ attempt: '2' }), /no output of attempt 2/);
    assert.match(await refused('getAgentOutput', 400, { query: { offset: 'x' } }), /offset/);
    const check = { params: { session_id, agent: 'one', check: '1' }, status: 404 };
    assert.match((await bench.http.call('getCheckOutput', check)).body.message, /has no check "1"/);
  });
});

describe("a session's events and messages over HTTP", () => {
  it('come newest first, page by page, or after a known one, with words for people', async () => {
    const session_id = await team([{ name: 'one', role: 'engineer', task: 'Go.', command: ['true'] }]);
    const params = { session_id };
    const stored = bench.project.store.events(session_id, 0, 1_000).map(({ seq }) => seq);
    const seen: number[] = [];
    for (let before: number | null = null; ; ) {
      const query: Record<string, string> = {
        limit: '2',
        ...(before === null ? {} : { before: String(before) }),
      };
      const { body } = await bench.http.call('getSessionEvents', { params, query });
      seen.push(...body.events.map(({ seq }: { seq: number }) => seq));
      before = body.next;
      if (before === null) break;
    }
    assert.deepEqual(seen, stored.toReversed());
    const { body } = await bench.http.call('getSessionEvents', {
      params,
      query: { after: '1', limit: '500' },
    });
    assert.deepEqual([body.events[0].seq, body.next], [2, null]);
    const started = body.events.find(({ type }: { type: string }) => type === 'agent.started');
    assert.deepEqual([started.subject, started.text], ['one', 'started (backend_engineer, command)']);
    const both = await bench.http.call('getSessionEvents', {
      params,
      query: { after: '1', before: '3' },
      status: 400,
    });
    assert.match(both.body.message, /not both/);
  });

  it('are the messages of its agents, newest first', async () => {
    const { session_id } = await bench.ask('orchestrate', {
      objective: 'Work.',
      agents: [{ name: 'one', role: 'engineer', task: 'Go.', command: bench.gate('messages') }],
    });
    for (const body of ['First.', 'Second.', 'Third.']) {
      await bench.ask('send-message', { session_id, to: 'one', type: 'notification', subject: 'Hi', body });
    }
    const params = { session_id: session_id as string };
    const first = await bench.http.call('getSessionMessages', { params, query: { limit: '2' } });
    const second = await bench.http.call('getSessionMessages', {
      params,
      query: { before: first.body.next },
    });
    assert.deepEqual(
      [...first.body.messages, ...second.body.messages].map(({ from, to, body }) => [from, to, body]),
      ['Third.', 'Second.', 'First.'].map((body) => ['user', 'one', body]),
    );
    assert.equal(second.body.next, null);
    bench.open('messages');
    await waitForSession(bench.project, session_id as SessionId, { signal: AbortSignal.timeout(60_000) });
  });
});
