import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { makeAgentId } from '../../src/domain/ids.ts';
import { recordProgress, startAgents } from '../../src/domain/running-agents.ts';
import { finishSession, startSession } from '../../src/domain/session-life.ts';
import { settleAgent } from '../../src/domain/settle-agent.ts';
import { addUsage, type Usage } from '../../src/domain/usage.ts';
import { agentOf, type Workflow } from '../../src/domain/workflow.ts';
import {
  agentRequest,
  created,
  failure,
  named,
  outcomes,
  phasesOf,
  planRequest,
  ready,
  requestOf,
  sessionId,
  settle,
  start,
  started,
  statesOf,
  thrownBy,
  time,
  told,
} from './samples.ts';

const usage: Usage = {
  inputTokens: 5,
  outputTokens: 6,
  cacheReadTokens: 0,
  cacheWriteTokens: 0,
  turns: 1,
  costUsd: 0.01,
};

describe('createWorkflow', () => {
  const limits = { maxConcurrency: 3, maxAgentsPerRole: 2 };
  const budget = { maxTokens: 10, maxCostUsd: 0.5, maxTurns: null, maxWallMs: 1_000 };
  const change = created(
    planRequest([agentRequest({ name: 'b', dependsOn: ['a'] }), agentRequest({ name: 'a' })], {
      objective: 'Try it.',
      strategy: 'parallel',
      failurePolicy: 'fail_fast',
      onExit: 'keep',
      limits,
      budget,
      depth: 1,
      parent: null,
      folder: null,
    }),
  );

  it('makes a session that has not started', () => {
    assert.deepEqual(change.next.session, {
      id: sessionId,
      objective: 'Try it.',
      strategy: 'parallel',
      failurePolicy: 'fail_fast',
      onExit: 'keep',
      limits,
      budget,
      depth: 1,
      parent: null,
      folder: null,
      approvals: null,
      repository: null,
      verify: null,
      land: null,
      landing: null,
      idempotency: null,
      state: 'created',
      pauseReason: null,
      resumeAt: null,
      createdAt: time(0),
      startedAt: null,
      endedAt: null,
      inactiveMs: 0,
    });
    assert.deepEqual(statesOf(change.next), ['pending', 'pending']);
    assert.deepEqual(change.next.phases, [
      { index: 0, state: 'planned' },
      { index: 1, state: 'planned' },
    ]);
    assert.deepEqual(ready(change.next), []);
  });

  it('tells the whole plan in one event', () => {
    assert.deepEqual(change.events, [
      {
        type: 'session.created',
        sessionId,
        agentId: null,
        at: time(0),
        data: {
          objective: 'Try it.',
          strategy: 'parallel',
          failurePolicy: 'fail_fast',
          onExit: 'keep',
          agents: [
            { id: 'agent_qa_1_000000', name: 'b', role: 'qa', phase: 1, dependsOn: ['a'] },
            { id: 'agent_qa_2_000001', name: 'a', role: 'qa', phase: 0, dependsOn: [] },
          ],
        },
      },
    ]);
  });
});

describe('agentOf', () => {
  it('refuses an agent of another session', () => {
    const workflow = started(requestOf({ a: [] }));
    const other = makeAgentId('qa', 9, 'zzzzzz');
    const error = thrownBy('AGENT_NOT_FOUND', () => agentOf(workflow, other));
    assert.equal(error.message, `Session ${sessionId} has no agent ${other}.`);
    assert.deepEqual(error.details, { sessionId, agentId: other });
  });
});

describe('startSession', () => {
  it('starts a new session, once', () => {
    const change = startSession(created(requestOf({ a: [] })).next, time(4));
    assert.deepEqual(told(change), ['session.started']);
    assert.equal(change.next.session.startedAt, time(4));
    thrownBy('INVALID_TRANSITION', () => startSession(change.next, time(5)));
  });
});

describe('startAgents', () => {
  const workflow = started(requestOf({ a: [], b: [], c: ['a'] }));

  it('marks them as running and starts their phase, once', () => {
    const first = start(workflow, ['a']);
    assert.deepEqual(told(first), ['agent.started a', 'phase.started 0']);
    assert.deepEqual(statesOf(first.next), ['running', 'pending', 'pending']);
    assert.deepEqual(first.events[0]?.data, { name: 'a', role: 'qa', backend: 'claude', attempt: 1 });
    const second = start(first.next, ['b']);
    assert.deepEqual(told(second), ['agent.started b']);
    assert.deepEqual(phasesOf(second.next), ['running', 'planned']);
  });

  it('keeps the conversation of the run before', () => {
    const { id } = named(workflow, 'a');
    const running = startAgents(workflow, [id], time(2)).next;
    const report = { outcome: outcomes.resumable, usage: null, conversation: 'c1' };
    const interrupted = settleAgent(running, id, report, time(3)).next;
    assert.equal(named(startAgents(interrupted, [id], time(4)).next, 'a').conversation, 'c1');
  });

  it('refuses to start what runs, has ended, or is named twice', () => {
    const running = start(workflow, ['a']).next;
    thrownBy('INVALID_TRANSITION', () => start(running, ['a']));
    thrownBy('INVALID_TRANSITION', () => start(settle(running, 'a', outcomes.completed).next, ['a']));
    thrownBy('INVALID_TRANSITION', () => start(workflow, ['b', 'b']));
  });
});

describe('settleAgent', () => {
  const workflow = start(started(requestOf({ a: [], b: ['a'], c: ['b'], d: [] })), ['a', 'd']).next;

  it('records completion, and the phase goes on until all of it ended', () => {
    const report = { outcome: outcomes.completed, usage, conversation: 'c1' } as const;
    const change = settleAgent(workflow, named(workflow, 'a').id, report, time(10));
    assert.deepEqual(told(change), ['agent.completed a']);
    const ended = { name: 'a', durationMs: 8000, result: 'Done.', usage, isProgram: false };
    assert.deepEqual(change.events[0]?.data, ended);
    const { state, result, endedAt, conversation } = named(change.next, 'a');
    assert.deepEqual([state, result, endedAt, conversation], ['completed', 'Done.', time(10), 'c1']);
    assert.deepEqual(ready(change.next), ['b']);
    assert.deepEqual(told(settle(change.next, 'd', outcomes.completed)), [
      'agent.completed d',
      'phase.completed 0',
    ]);
  });

  it('records a failure and cancels all that depends on it', () => {
    const change = settle(workflow, 'a', outcomes.failed);
    assert.deepEqual(told(change), [
      'agent.failed a',
      'agent.cancelled b',
      'agent.cancelled c',
      'phase.skipped 1',
      'phase.skipped 2',
    ]);
    assert.deepEqual(change.events[0]?.data, {
      name: 'a',
      durationMs: 1000,
      kind: 'exit_code',
      message: failure.message,
      usage: null,
    });
    assert.deepEqual(named(change.next, 'a').failure, failure);
    const reason = "It depends on 'a', which did not complete.";
    assert.deepEqual(change.events[1]?.data, { name: 'b', reason, kind: 'dependency_failed', usage: null });
    assert.deepEqual(named(change.next, 'b').failure, {
      kind: 'dependency_failed',
      message: reason,
      stderrTail: '',
    });
    assert.deepEqual(statesOf(change.next), ['failed', 'cancelled', 'cancelled', 'running']);
    assert.equal(finishSession(change.next, time(4)), null);
  });

  it('keeps what a failed agent got done', () => {
    const change = settle(workflow, 'a', { state: 'failed', failure, result: 'Half of it.' });
    assert.equal(named(change.next, 'a').result, 'Half of it.');
  });

  it('records an agent that was cancelled alone, and cancels its dependents', () => {
    const change = settle(workflow, 'a', outcomes.cancelled);
    assert.deepEqual(change.events[0]?.data, {
      name: 'a',
      durationMs: 1000,
      reason: 'It was asked to stop.',
      kind: null,
      usage: null,
    });
    assert.deepEqual(statesOf(change.next), ['cancelled', 'cancelled', 'cancelled', 'running']);
    assert.equal(named(change.next, 'a').failure, null);
  });

  it('records an interruption, after which the agent is ready again with its conversation', () => {
    const report = { outcome: outcomes.resumable, usage, conversation: 'c9' } as const;
    const change = settleAgent(workflow, named(workflow, 'a').id, report, time(3));
    assert.deepEqual(told(change), ['agent.interrupted a']);
    assert.deepEqual(change.events[0]?.data, { name: 'a', durationMs: 1000, reason: 'MAOS exited.', usage });
    assert.deepEqual(ready(change.next), ['a']);
    const again = start(change.next, ['a']).next;
    assert.deepEqual([named(again, 'a').attempt, named(again, 'a').conversation], [2, 'c9']);
    assert.deepEqual(named(settle(again, 'a', outcomes.completed).next, 'a').usage, usage);
  });

  it('keeps a conversation heard of before the end', () => {
    const { id } = named(workflow, 'a');
    const talking = recordProgress(
      workflow,
      [{ id, activity: 'x', usage: null, conversation: 'c1' }],
      time(3),
    ).next;
    assert.equal(named(talking, 'a').conversation, 'c1');
    assert.equal(named(settle(talking, 'a', outcomes.resumable).next, 'a').conversation, 'c1');
  });

  it('cancels the rest under fail_fast', () => {
    const request = requestOf({ a: [], b: ['a'], c: [], d: [] }, { failurePolicy: 'fail_fast' });
    const change = settle(start(started(request), ['a', 'd']).next, 'a', outcomes.failed);
    assert.deepEqual(statesOf(change.next), ['failed', 'cancelled', 'cancelled', 'running']);
    assert.deepEqual(
      change.events.flatMap((event) => (event.type === 'agent.cancelled' ? [event.data.kind] : [])),
      ['dependency_failed', null],
    );
    assert.equal(named(change.next, 'c').failure, null);
    const interrupted = settle(change.next, 'd', outcomes.resumable);
    assert.deepEqual(told(interrupted), ['agent.interrupted d', 'agent.cancelled d', 'phase.failed 0']);
  });

  it('measures no negative time when the clock went back', () => {
    const change = settle(workflow, 'a', outcomes.completed, time(-100));
    const ended = { name: 'a', durationMs: 0, result: 'Done.', usage: null, isProgram: false };
    assert.deepEqual(change.events[0]?.data, ended);
  });

  it('takes no time for an agent that never started', () => {
    const interrupted = settle(workflow, 'a', outcomes.resumable).next;
    const agents = interrupted.agents.map((agent) => ({ ...agent, startedAt: null }));
    const change = settle({ ...interrupted, agents }, 'a', outcomes.failed);
    assert.ok(change.events[0]?.type === 'agent.failed');
    assert.equal(change.events[0].data.durationMs, 0);
  });

  it('refuses a second end, and an end of what never ran', () => {
    const done = settle(workflow, 'a', outcomes.completed).next;
    for (const outcome of Object.values(outcomes)) {
      thrownBy('INVALID_TRANSITION', () => settle(done, 'a', outcome));
    }
    thrownBy('INVALID_TRANSITION', () => settle(workflow, 'b', outcomes.completed));
    thrownBy('INVALID_TRANSITION', () => settle(workflow, 'b', outcomes.failed));
  });
});

describe('an agent its provider puts off', () => {
  const running = start(started(requestOf({ a: [] })), ['a']).next;
  const postpone = (workflow: Workflow, seconds: number) =>
    settleAgent(
      workflow,
      named(workflow, 'a').id,
      {
        outcome: { state: 'resumable', reason: 'Overloaded.', notBefore: time(seconds) },
        usage,
        conversation: 'c1',
      },
      time(3),
    );

  it('waits until then, counted in a row, and tells of it', () => {
    const once = postpone(running, 9);
    assert.deepEqual(told(once), ['agent.postponed a']);
    const data = { name: 'a', durationMs: 1000, until: time(9), reason: 'Overloaded.', usage };
    assert.deepEqual(once.events[0]?.data, data);
    const { state, notBefore, postponed, conversation } = named(once.next, 'a');
    assert.deepEqual([state, notBefore, postponed, conversation], ['resumable', time(9), 1, 'c1']);
    assert.deepEqual([ready(once.next, time(8)), ready(once.next, time(9))], [[], ['a']]);
    const twice = postpone(start(once.next, ['a'], time(9)).next, 20).next;
    assert.deepEqual([named(twice, 'a').postponed, named(twice, 'a').attempt], [2, 2]);
  });

  it('begins to count anew once it got through', () => {
    const again = start(postpone(running, 9).next, ['a'], time(9)).next;
    assert.equal(named(again, 'a').postponed, 1);
    assert.equal(named(settle(again, 'a', outcomes.resumable).next, 'a').postponed, 0);
  });

  it('counts what it used over all attempts', () => {
    const again = start(postpone(running, 9).next, ['a'], time(9)).next;
    const settled = (conversation: string, reported: Usage) =>
      named(
        settleAgent(
          again,
          named(again, 'a').id,
          { outcome: outcomes.completed, usage: reported, conversation },
          time(12),
        ).next,
        'a',
      ).usage;
    const total = addUsage(usage, usage);
    const sum = { ...total, turns: usage.turns };
    assert.deepEqual(settled('c1', sum), total, 'one conversation: its sum, its turns since');
    assert.deepEqual(settled('c2', sum), total, 'so it did under another id');
    const less = { ...usage, inputTokens: 1 };
    assert.deepEqual(settled('c1', less), addUsage(usage, less), 'it reported what came since');
    const more = { ...sum, isOfRun: true as const };
    assert.deepEqual(settled('c1', more), addUsage(usage, sum), 'and says that this is all it reports');
  });
});

describe('recordProgress', () => {
  it('notes what running agents do and used, and passes over the others', () => {
    const workflow = start(started(requestOf({ a: [], b: [] })), ['a']).next;
    const note = { activity: 'Reading.', usage, conversation: 'c1' };
    const change = recordProgress(
      workflow,
      ['a', 'b'].map((name) => ({ id: named(workflow, name).id, ...note })),
      time(3),
    );
    assert.deepEqual(told(change), ['agent.progressed a']);
    assert.deepEqual(change.events[0]?.data, { name: 'a', activity: 'Reading.', usage });
    assert.deepEqual([named(change.next, 'a').usage, named(change.next, 'a').conversation], [usage, 'c1']);
    assert.deepEqual(named(change.next, 'b'), named(workflow, 'b'));
    const silent = recordProgress(
      change.next,
      [{ id: named(workflow, 'a').id, activity: 'Writing.', usage: null, conversation: null }],
      time(4),
    );
    assert.deepEqual([named(silent.next, 'a').usage, named(silent.next, 'a').conversation], [usage, 'c1']);
  });
});
