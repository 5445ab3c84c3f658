import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { cancelSession, cancelWaiting } from '../../src/domain/cancel.ts';
import { replay } from '../../src/domain/replay.ts';
import { decideRetries, retryWorkflow } from '../../src/domain/retry.ts';
import { finishSession } from '../../src/domain/session-life.ts';
import type { Workflow } from '../../src/domain/workflow.ts';
import {
  named,
  outcomes,
  phasesOf,
  ready,
  requestOf,
  settle,
  start,
  started,
  statesOf,
  thrownBy,
  time,
  told,
} from './samples.ts';

/** Starts and settles agents in turn: `{ a: 'completed', b: 'failed' }`, then ends the session if it can. */
function played(workflow: Workflow, fates: Readonly<Record<string, keyof typeof outcomes>>): Workflow {
  let now = workflow;
  for (const [name, fate] of Object.entries(fates)) {
    now = settle(start(now, [name]).next, name, outcomes[fate]).next;
  }
  return finishSession(now, time(5))?.next ?? now;
}

/** `a` failed, so `b` and `c`, which depend on it, are cancelled; `x` completed. */
const failed = played(started(requestOf({ c: ['b'], b: ['a'], a: [], x: [] })), {
  x: 'completed',
  a: 'failed',
});

function chosen(workflow: Workflow, only: string | null): readonly string[] {
  return decideRetries(workflow, only === null ? null : named(workflow, only).id).map(({ name }) => name);
}

describe('decideRetries', () => {
  it('takes everything that failed or was cancelled, and nothing that completed', () => {
    assert.deepEqual(statesOf(failed), ['cancelled', 'cancelled', 'failed', 'completed']);
    assert.deepEqual(chosen(failed, null), ['c', 'b', 'a']);
  });

  it('takes with one agent what was cancelled behind it, in whatever order the plan names them', () => {
    assert.deepEqual(chosen(failed, 'a'), ['c', 'b', 'a']);
    const two = played(started(requestOf({ a: [], b: [], c: ['a'], d: ['b'], e: ['a', 'b'] })), {
      a: 'failed',
      b: 'failed',
    });
    assert.deepEqual(chosen(two, 'a'), ['a', 'c'], 'e could not run, as b is not retried');
    assert.deepEqual(chosen(two, 'b'), ['b', 'd']);
  });

  it('refuses an agent that neither failed nor was cancelled', () => {
    const running = start(started(requestOf({ a: [] })), ['a']).next;
    assert.match(
      thrownBy('INVALID_TRANSITION', () => chosen(running, 'a')).message,
      /is running: only an agent that failed or was cancelled/,
    );
    thrownBy('INVALID_TRANSITION', () => chosen(failed, 'x'));
    thrownBy('AGENT_NOT_FOUND', () => decideRetries(failed, 'agent_qa_9_zzzzzz' as never));
  });

  it('refuses an agent whose dependency would keep it waiting for ever', () => {
    const error = thrownBy('INVALID_TRANSITION', () => chosen(failed, 'b'));
    assert.match(error.message, /it depends on 'a', and 'a' \(agent_qa_3_\w+\) failed\. Retry that one/);
    assert.equal(error.details.blockedBy, named(failed, 'a').id);
    assert.match(thrownBy('INVALID_TRANSITION', () => chosen(failed, 'c')).message, /'b' .* was cancelled/);
  });

  it('refuses one of several failed agents under fail_fast, where nothing starts after a failure', () => {
    const both = start(started(requestOf({ a: [], b: [] }, { failurePolicy: 'fail_fast' })), ['a', 'b']).next;
    const workflow = settle(settle(both, 'a', outcomes.failed).next, 'b', outcomes.failed).next;
    assert.match(
      thrownBy('INVALID_TRANSITION', () => chosen(workflow, 'a')).message,
      /fail_fast, and 'b' .* failed/,
    );
    assert.deepEqual(chosen(workflow, null), ['a', 'b']);
  });

  it('refuses a session without a failure', () => {
    const done = played(started(requestOf({ a: [] })), { a: 'completed' });
    const error = thrownBy('INVALID_TRANSITION', () => chosen(done, null));
    assert.match(error.message, /has completed and has no failed agent to retry/);
  });
});

describe('retryWorkflow', () => {
  it('sets them back to the start, tells of it, and lets the session run', () => {
    const change = retryWorkflow(failed, null, time(6));
    assert.deepEqual(told(change), [
      'session.retried',
      'session.resumed',
      'agent.retried c',
      'agent.retried b',
      'agent.retried a',
      'phase.started 0',
    ]);
    assert.deepEqual(change.events[0]?.data, { agents: ['c', 'b', 'a'] });
    assert.deepEqual(change.events[4]?.data, { name: 'a', attempts: 1 });
    const { session } = change.next;
    assert.deepEqual([session.state, session.startedAt, session.endedAt], ['running', time(1), null]);
    assert.deepEqual(statesOf(change.next), ['pending', 'pending', 'pending', 'completed']);
    assert.deepEqual(phasesOf(change.next), ['running', 'skipped', 'skipped']);
    assert.deepEqual(ready(change.next), ['a']);
    assert.deepEqual(named(change.next, 'c').failure, null);
  });

  it('gives the session, or the one agent, another budget, and tells of it for a replay', () => {
    const whole = retryWorkflow(failed, null, time(6), { maxTokens: 9 });
    const budget = { ...failed.session.budget, maxTokens: 9 };
    assert.deepEqual(whole.next.session.budget, budget);
    assert.deepEqual(whole.events[0]?.data, { agents: ['c', 'b', 'a'], budget });
    const { id, budget: own } = named(failed, 'a');
    const one = retryWorkflow(failed, id, time(6), { maxTurns: 3 });
    assert.deepEqual(one.next.session.budget, failed.session.budget);
    assert.deepEqual(named(one.next, 'a').budget, { ...own, maxTurns: 3 });
    for (const { next, events } of [whole, one]) {
      const recorded = events.map((event, index) => ({ ...event, seq: index + 1 }));
      const replayed = replay(failed, recorded);
      assert.deepEqual(replayed.session.budget, next.session.budget);
      assert.deepEqual(named(replayed, 'a').budget, named(next, 'a').budget);
    }
  });

  it('goes on to the end, counting attempts, with phases that were skipped', () => {
    const again = retryWorkflow(failed, named(failed, 'a').id, time(6)).next;
    const done = played(again, { a: 'completed', b: 'completed', c: 'completed' });
    assert.equal(done.session.state, 'completed');
    assert.deepEqual(phasesOf(done), ['completed', 'completed', 'completed']);
    assert.deepEqual(
      done.agents.map(({ attempt }) => attempt),
      [1, 1, 2, 1],
    );
  });

  it('can be repeated after the next failure', () => {
    const again = played(retryWorkflow(failed, null, time(6)).next, { a: 'failed' });
    assert.deepEqual([again.session.state, phasesOf(again)], ['failed', ['failed', 'skipped', 'skipped']]);
    assert.deepEqual(ready(retryWorkflow(again, null, time(8)).next), ['a']);
  });

  it('does not start a running session over', () => {
    const half = played(started(requestOf({ a: [], b: [] })), { a: 'failed' });
    assert.equal(half.session.state, 'running');
    assert.deepEqual(told(retryWorkflow(half, null, time(6))), ['session.retried', 'agent.retried a']);
  });

  it('is refused for a session that was cancelled', () => {
    const running = started(requestOf({ a: [] }));
    const cancelled = cancelSession(cancelWaiting(running, 'No.', time(3)).next, 'No.', time(3)).next;
    assert.match(
      thrownBy('INVALID_TRANSITION', () => retryWorkflow(cancelled, null, time(4))).message,
      /cannot go from 'cancelled' to 'running'/,
    );
  });
});
