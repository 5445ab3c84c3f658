import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  type Agent,
  type AgentState,
  agentStates,
  agentTransitions,
  enterStage,
  isAgentEnded,
  isStartable,
  moveAgent,
} from '../../src/domain/agent.ts';
import { agentStages, stageTransitions } from '../../src/domain/agent-stage.ts';
import { type PhaseState, phaseStates, phaseTransitions } from '../../src/domain/orchestration.ts';
import {
  isSessionEnded,
  moveSession,
  type SessionState,
  sessionStates,
  sessionTransitions,
} from '../../src/domain/session.ts';
import {
  assertTransition,
  canTransition,
  isFinal,
  type TransitionTable,
} from '../../src/domain/transitions.ts';
import { noUsage } from '../../src/domain/usage.ts';
import { failure, named, requestOf, started, thrownBy, time } from './samples.ts';

/** Section 3 of the contract, written independently. Each line is 'from: possible next states'. */
const legalForSession: readonly string[] = [
  'created: running cancelled',
  'running: paused completed failed cancelled',
  'paused: running completed failed cancelled',
  'completed:',
  'failed: running',
  'cancelled:',
];
const legalForAgent: readonly string[] = [
  'pending: running cancelled',
  'running: completed failed cancelled resumable',
  'completed:',
  'failed: pending',
  'cancelled: pending',
  'resumable: running cancelled failed',
];
/** Stages of a running agent; `settled` is its end. */
const legalForStage: readonly string[] = [
  'preparing: executing verifying settled',
  'executing: verifying awaiting collecting',
  'verifying: preparing collecting',
  'awaiting: executing verifying collecting',
  'collecting: settled',
  'settled:',
];
/** A phase that was never entered is skipped without running; only a retry leaves `failed` and `skipped`. */
const legalForPhase: readonly string[] = [
  'planned: running skipped',
  'running: completed failed',
  'completed:',
  'failed: running',
  'skipped: running',
];

interface Pair<S extends string> {
  readonly from: S;
  readonly to: S;
  readonly legal: boolean;
}

function everyPair<S extends string>(states: readonly S[], lines: readonly string[]): readonly Pair<S>[] {
  const legal = new Map(lines.map((line) => line.split(':') as [string, string]));
  assert.deepEqual([...legal.keys()].sort(), [...states].sort(), 'the states are those of the contract');
  return states.flatMap((from) =>
    states.map((to) => ({ from, to, legal: (legal.get(from) ?? '').split(' ').includes(to) })),
  );
}

function assertRefused(from: string, to: string, subject: string, move: () => unknown): void {
  const error = thrownBy('INVALID_TRANSITION', move);
  assert.match(error.message, new RegExp(`^${subject} cannot go from '${from}' to '${to}': `));
  assert.equal(error.details.from, from);
  assert.equal(error.details.to, to);
}

describe('the session table', () => {
  const session = started(requestOf({ a: [] })).session;
  for (const { from, to, legal } of everyPair<SessionState>(sessionStates, legalForSession)) {
    it(`${legal ? 'lets' : 'does not let'} ${from} become ${to}`, () => {
      const before = { ...session, state: from };
      assert.equal(canTransition(sessionTransitions, from, to), legal);
      if (legal) assert.equal(moveSession(before, to, time(9)).state, to);
      else assertRefused(from, to, `Session ${session.id}`, () => moveSession(before, to, time(9)));
    });
  }

  it('says which states are an end', () => {
    assert.deepEqual(sessionStates.filter(isSessionEnded), ['completed', 'failed', 'cancelled']);
    assert.deepEqual(
      sessionStates.filter((state) => isFinal(sessionTransitions, state)),
      ['completed', 'cancelled'],
    );
  });
});

describe('the agent table', () => {
  const agent = named(started(requestOf({ a: [] })), 'a');
  for (const { from, to, legal } of everyPair<AgentState>(agentStates, legalForAgent)) {
    it(`${legal ? 'lets' : 'does not let'} ${from} become ${to}`, () => {
      const before = { ...agent, state: from };
      assert.equal(canTransition(agentTransitions, from, to), legal);
      if (legal) assert.equal(moveAgent(before, to, time(9)).state, to);
      else assertRefused(from, to, `Agent ${agent.id}`, () => moveAgent(before, to, time(9)));
    });
  }

  it('says which states are an end and which may be started', () => {
    assert.deepEqual(agentStates.filter(isAgentEnded), ['completed', 'failed', 'cancelled']);
    assert.deepEqual(agentStates.filter(isStartable), ['pending', 'resumable']);
  });
});

describe('the stage table', () => {
  const agent = named(started(requestOf({ a: [] })), 'a');
  const stages = [...agentStages, 'settled'] as const;
  for (const { from, to, legal } of everyPair(stages, legalForStage)) {
    it(`${legal ? 'lets' : 'does not let'} ${from} become ${to}`, () => {
      assert.equal(canTransition(stageTransitions, from, to), legal);
      if (to === 'settled') return;
      const before: Agent =
        from === 'settled' ? agent : { ...agent, state: 'running', attempt: 1, stage: from };
      if (legal) assert.deepEqual(enterStage(before, to), { ...before, stage: to });
      else assertRefused(from, to, `Agent ${agent.id}`, () => enterStage(before, to));
    });
  }
});

describe('the phase table', () => {
  for (const { from, to, legal } of everyPair<PhaseState>(phaseStates, legalForPhase)) {
    it(`${legal ? 'lets' : 'does not let'} ${from} become ${to}`, () => {
      const move = (): void => assertTransition(phaseTransitions, 'Phase 4', from, to);
      assert.equal(canTransition(phaseTransitions, from, to), legal);
      if (legal) assert.doesNotThrow(move);
      else assertRefused(from, to, 'Phase 4', move);
    });
  }
});

describe('a refused transition', () => {
  const lights: TransitionTable<'red' | 'green' | 'broken'> = {
    red: ['green', 'broken'],
    green: ['red', 'broken'],
    broken: [],
  };

  it('says what would be possible', () => {
    const error = thrownBy('INVALID_TRANSITION', () => assertTransition(lights, 'Light 1', 'red', 'red'));
    assert.equal(
      error.message,
      "Light 1 cannot go from 'red' to 'red': from 'red' it can only become green, broken.",
    );
    assert.deepEqual(error.details, {
      subject: 'Light 1',
      from: 'red',
      to: 'red',
      possible: ['green', 'broken'],
    });
  });

  it('says that a state is final', () => {
    const error = thrownBy('INVALID_TRANSITION', () => assertTransition(lights, 'Light 1', 'broken', 'red'));
    assert.equal(error.message, "Light 1 cannot go from 'broken' to 'red': 'broken' is final.");
  });
});

describe('moveSession', () => {
  const fresh = { ...started(requestOf({ a: [] })).session, state: 'created', startedAt: null } as const;

  it('remembers the first start, and the end until a retry', () => {
    const running = moveSession(fresh, 'running', time(1));
    assert.deepEqual([running.startedAt, running.endedAt], [time(1), null]);
    const failed = moveSession(running, 'failed', time(2));
    assert.deepEqual([failed.startedAt, failed.endedAt], [time(1), time(2)]);
    const retried = moveSession(failed, 'running', time(3));
    assert.deepEqual([retried.startedAt, retried.endedAt], [time(1), null]);
  });

  it('has no start when it is cancelled before', () => {
    const cancelled = moveSession(fresh, 'cancelled', time(1));
    assert.deepEqual([cancelled.startedAt, cancelled.endedAt], [null, time(1)]);
  });

  it('carries the reason of a pause only while it lasts', () => {
    const running = moveSession(fresh, 'running', time(1));
    const byUser = moveSession(running, 'paused', time(2));
    assert.deepEqual([byUser.pauseReason, byUser.resumeAt, byUser.endedAt], ['user', null, null]);
    const quota = moveSession(running, 'paused', time(2), { reason: 'quota', resumeAt: time(60) });
    assert.deepEqual([quota.pauseReason, quota.resumeAt], ['quota', time(60)]);
    for (const to of ['running', 'completed', 'failed', 'cancelled'] as const) {
      const after = moveSession(quota, to, time(3), { reason: 'quota', resumeAt: time(60) });
      assert.deepEqual([after.pauseReason, after.resumeAt], [null, null], to);
    }
  });
});

describe('moveAgent', () => {
  const pending = named(started(requestOf({ a: [] })), 'a');
  const running = moveAgent(pending, 'running', time(1), { conversation: 'c1' });

  it('counts attempts and keeps the times of the latest one', () => {
    assert.deepEqual([pending.attempt, pending.startedAt, pending.endedAt], [0, null, null]);
    assert.deepEqual([running.attempt, running.startedAt, running.endedAt], [1, time(1), null]);
    const interrupted = moveAgent(running, 'resumable', time(2));
    assert.deepEqual([interrupted.attempt, interrupted.endedAt], [1, time(2)]);
    const again = moveAgent(interrupted, 'running', time(3));
    assert.deepEqual([again.attempt, again.startedAt, again.endedAt], [2, time(3), null]);
    assert.equal(again.conversation, 'c1');
  });

  it('records a failure until a retry, which starts from nothing but the count', () => {
    const failed = moveAgent(running, 'failed', time(2), { failure, result: 'Half of it.' });
    assert.deepEqual([failed.failure, failed.result, failed.endedAt], [failure, 'Half of it.', time(2)]);
    const retried = moveAgent(failed, 'pending', time(3));
    assert.deepEqual(
      [retried.failure, retried.result, retried.startedAt, retried.endedAt],
      [null, null, null, null],
    );
    assert.equal(retried.attempt, 1);
  });

  it('sets a cancelled agent back in the same way', () => {
    const retried = moveAgent(moveAgent(pending, 'cancelled', time(2)), 'pending', time(3));
    assert.deepEqual([retried.attempt, retried.endedAt, retried.postponed], [0, null, 0]);
  });

  it('remembers with each start what was used before and which conversation goes on', () => {
    const interrupted = moveAgent(running, 'resumable', time(2), {
      usage: noUsage,
      notBefore: time(5),
      postponed: 1,
    });
    assert.deepEqual([interrupted.notBefore, interrupted.postponed], [time(5), 1]);
    const again = moveAgent(interrupted, 'running', time(6));
    assert.deepEqual(
      [again.notBefore, again.postponed, again.usageBefore, again.resumed],
      [null, 1, noUsage, 'c1'],
    );
    const retried = moveAgent(moveAgent(again, 'failed', time(7), { failure }), 'pending', time(8));
    assert.deepEqual([retried.conversation, retried.postponed, retried.usage], [null, 0, noUsage]);
    const afresh = moveAgent(retried, 'running', time(9));
    assert.deepEqual([afresh.resumed, afresh.usageBefore, afresh.attempt], [null, noUsage, 3]);
  });

  it('ends a cancelled agent that never ran', () => {
    const cancelled = moveAgent(pending, 'cancelled', time(5));
    assert.deepEqual([cancelled.attempt, cancelled.startedAt, cancelled.endedAt], [0, null, time(5)]);
  });
});
