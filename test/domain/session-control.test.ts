import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { cancelAgent, cancelSession, cancelWaiting } from '../../src/domain/cancel.ts';
import { finishSession, pauseSession, startSession } from '../../src/domain/session-life.ts';
import type { Workflow } from '../../src/domain/workflow.ts';
import {
  created,
  named,
  outcomes,
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

describe('finishSession', () => {
  const two = start(started(requestOf({ a: [], b: [] })), ['a', 'b']).next;

  it('completes the session when every agent completed', () => {
    const one = settle(two, 'a', outcomes.completed).next;
    assert.equal(finishSession(one, time(5)), null);
    const change = finishSession(settle(one, 'b', outcomes.completed).next, time(5));
    assert.ok(change);
    assert.deepEqual(change.events[0], {
      type: 'session.completed',
      sessionId,
      agentId: null,
      at: time(5),
      data: { agents: 2 },
    });
    assert.deepEqual([change.next.session.state, change.next.session.endedAt], ['completed', time(5)]);
    assert.equal(finishSession(change.next, time(6)), null);
  });

  it('fails it, with the counts, when one did not', () => {
    const change = finishSession(
      settle(settle(two, 'a', outcomes.failed).next, 'b', outcomes.cancelled).next,
      time(5),
    );
    assert.ok(change);
    assert.deepEqual(change.next.session.state, 'failed');
    assert.deepEqual(change.events[0]?.data, { completed: 0, failed: 1, cancelled: 1 });
  });

  it('ends a paused session whose last agents ended by themselves', () => {
    const paused = pauseSession(two, { reason: 'user' }, time(3)).next;
    const change = finishSession(
      settle(settle(paused, 'a', outcomes.completed).next, 'b', outcomes.completed).next,
      time(5),
    );
    assert.deepEqual(change && [change.next.session.state, change.next.session.pauseReason], [
      'completed',
      null,
    ]);
  });

  it('leaves a session that never started to be cancelled', () => {
    const cancelled = cancelWaiting(created(requestOf({ a: [] })).next, 'Changed my mind.', time(1)).next;
    assert.equal(finishSession(cancelled, time(2)), null);
  });
});

describe('cancelling', () => {
  it('ends a session that never started', () => {
    const waiting = cancelWaiting(created(requestOf({ a: [], b: ['a'] })).next, 'Changed my mind.', time(1));
    assert.deepEqual(told(waiting), [
      'agent.cancelled a',
      'agent.cancelled b',
      'phase.skipped 0',
      'phase.skipped 1',
    ]);
    assert.deepEqual(waiting.events[0]?.data, {
      name: 'a',
      reason: 'Changed my mind.',
      kind: null,
      usage: null,
    });
    const ended = cancelSession(waiting.next, 'Changed my mind.', time(1));
    assert.deepEqual(ended.events[0]?.data, { reason: 'Changed my mind.' });
    const { state, startedAt, endedAt } = ended.next.session;
    assert.deepEqual([state, startedAt, endedAt], ['cancelled', null, time(1)]);
  });

  it('lets running agents be settled one by one', () => {
    const running = start(started(requestOf({ a: [], b: [], c: [], d: ['a'] })), ['a', 'b']).next;
    const waiting = cancelWaiting(running, 'Enough.', time(3));
    assert.deepEqual(told(waiting), ['agent.cancelled c', 'agent.cancelled d', 'phase.skipped 1']);
    const one = settle(waiting.next, 'a', outcomes.completed);
    assert.deepEqual(ready(one.next), []);
    const two = settle(one.next, 'b', outcomes.cancelled);
    assert.deepEqual(told(two), ['agent.cancelled b', 'phase.failed 0']);
    const ended = cancelSession(two.next, 'Enough.', time(5));
    assert.deepEqual(told(ended), ['session.cancelled']);
    assert.deepEqual(statesOf(ended.next), ['completed', 'cancelled', 'cancelled', 'cancelled']);
    thrownBy('INVALID_TRANSITION', () => cancelSession(ended.next, 'Again.', time(6)));
  });

  it('takes in interrupted agents of a paused session', () => {
    const running = start(started(requestOf({ a: [] })), ['a']).next;
    const paused = pauseSession(
      settle(running, 'a', outcomes.resumable).next,
      { reason: 'quota' },
      time(4),
    ).next;
    const waiting = cancelWaiting(paused, 'Enough.', time(5));
    assert.deepEqual(told(waiting), ['agent.cancelled a', 'phase.failed 0']);
    assert.equal(cancelSession(waiting.next, 'Enough.', time(5)).next.session.state, 'cancelled');
  });

  it('changes nothing where nothing waits', () => {
    const running = start(started(requestOf({ a: [] })), ['a']).next;
    const change = cancelWaiting(running, 'Enough.', time(3));
    assert.deepEqual(change.events, []);
    assert.deepEqual(change.next, running);
  });
});

describe('cancelling one agent', () => {
  const cancelOne = (workflow: Workflow, name: string) =>
    cancelAgent(workflow, named(workflow, name).id, 'Not needed.', time(4));

  it('takes with it what depends on it, and lets the rest run', () => {
    const workflow = start(started(requestOf({ a: [], b: ['c'], c: [], d: ['b'] })), ['a']).next;
    const change = cancelOne(workflow, 'c');
    assert.deepEqual(told(change), [
      'agent.cancelled c',
      'agent.cancelled b',
      'agent.cancelled d',
      'phase.skipped 1',
      'phase.skipped 2',
    ]);
    assert.deepEqual(change.events[0]?.data, {
      name: 'c',
      reason: 'Not needed.',
      kind: null,
      usage: null,
    });
    assert.deepEqual(
      change.next.agents.map(({ failure }) => failure?.kind ?? null),
      [null, 'dependency_failed', null, 'dependency_failed'],
    );
    assert.equal(named(change.next, 'a').state, 'running');
    const ended = finishSession(settle(change.next, 'a', outcomes.completed).next, time(9));
    assert.equal(ended?.next.session.state, 'failed');
  });

  it('takes an interrupted agent as well', () => {
    const running = start(started(requestOf({ a: [] })), ['a']).next;
    assert.deepEqual(told(cancelOne(settle(running, 'a', outcomes.resumable).next, 'a')), [
      'agent.cancelled a',
      'phase.failed 0',
    ]);
  });

  it('is refused for one that has ended, and for one that runs: that is to be stopped', () => {
    const running = start(started(requestOf({ a: [] })), ['a']).next;
    assert.match(
      thrownBy('INVALID_TRANSITION', () => cancelOne(running, 'a')).message,
      /is running: .* stopping it/,
    );
    for (const fate of ['completed', 'failed', 'cancelled'] as const) {
      thrownBy('INVALID_TRANSITION', () => cancelOne(settle(running, 'a', outcomes[fate]).next, 'a'));
    }
  });
});

describe('pausing', () => {
  const running = start(
    started(requestOf({ a: [], b: ['a'], c: [] }, { limits: { maxConcurrency: 1, maxAgentsPerRole: null } })),
    ['a'],
  ).next;

  it('says why and until when', () => {
    const change = pauseSession(running, { reason: 'quota', resumeAt: time(99) }, time(3));
    assert.deepEqual(change.events[0]?.data, { reason: 'quota', resumeAt: time(99) });
    const { state, pauseReason, resumeAt } = change.next.session;
    assert.deepEqual([state, pauseReason, resumeAt], ['paused', 'quota', time(99)]);
    assert.deepEqual(pauseSession(running, { reason: 'user' }, time(3)).events[0]?.data, {
      reason: 'user',
      resumeAt: null,
    });
  });

  it('is for running sessions', () => {
    const paused = pauseSession(running, { reason: 'user' }, time(3)).next;
    thrownBy('INVALID_TRANSITION', () => pauseSession(paused, { reason: 'user' }, time(4)));
    thrownBy('INVALID_TRANSITION', () =>
      pauseSession(created(requestOf({ a: [] })).next, { reason: 'user' }, time(1)),
    );
  });

  it('starts nothing until the session runs again, then the interrupted agents first as planned', () => {
    const interrupted = settle(running, 'a', outcomes.resumable).next;
    const paused = pauseSession(interrupted, { reason: 'interrupted' }, time(4)).next;
    assert.deepEqual(ready(paused), []);
    assert.equal(finishSession(paused, time(4)), null);
    const resumed = startSession(paused, time(5));
    assert.deepEqual(told(resumed), ['session.resumed']);
    assert.deepEqual([resumed.next.session.pauseReason, resumed.next.session.startedAt], [null, time(1)]);
    assert.deepEqual(ready(resumed.next), ['a']);
    const again = start(resumed.next, ['a']);
    assert.deepEqual(told(again), ['agent.started a']);
    assert.deepEqual(again.events[0]?.data, { name: 'a', role: 'qa', backend: 'claude', attempt: 2 });
  });
});
