import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Agent } from '../../src/domain/agent.ts';
import type { BackendChoice } from '../../src/domain/backend-choice.ts';
import { decideFallback, fallbackText } from '../../src/domain/fallback.ts';
import type { AgentRequest } from '../../src/domain/plan.ts';
import { quotaPause, resumeSession } from '../../src/domain/quota.ts';
import { replay } from '../../src/domain/replay.ts';
import { retryWorkflow } from '../../src/domain/retry.ts';
import { pauseSession } from '../../src/domain/session-life.ts';
import type { Workflow } from '../../src/domain/workflow.ts';
import {
  agentRequest,
  deepFreeze,
  named,
  outcomes,
  planRequest,
  ready,
  settle,
  start,
  started,
  time,
  told,
} from './samples.ts';

const policy = { maxRetries: 4, baseDelayMs: 2_000, maxDelayMs: 60_000 };
const choice = (
  backend: string,
  until: string | null = null,
  model: string | null = null,
): BackendChoice => ({
  ...{ backend, model, until },
});
const choices = [choice('claude', null, 'opus'), choice('codex'), choice('gemini')];
const request = (name: string, more: Partial<AgentRequest> = {}) =>
  agentRequest({ name, model: 'opus', backends: choices, ...more });

/** The agent, running, after refusals on each of its earlier backends. */
function running(backends: readonly BackendChoice[], backend: string): Agent {
  const { next } = start(started(planRequest([request('a', { backends, backend })])), ['a']);
  return named(next, 'a');
}

/** The effect of a provider's refusal on agent `a`. */
function refused(workflow: Workflow, until: string, at = time(3)) {
  const fallback = decideFallback(named(workflow, 'a'), until, at);
  assert.ok(fallback !== null);
  return settle(workflow, 'a', { state: 'resumable', reason: 'Refused.', fallback }, at);
}

describe('where a refused agent goes on', () => {
  const decided = (backends: readonly BackendChoice[], backend: string, until: string) => {
    const fallback = decideFallback(running(backends, backend), until, time(3));
    return fallback === null ? null : [fallback.backend, fallback.model, fallback.notBefore];
  };

  it('on the first backend that nothing is known against, with the model of that one', () => {
    assert.deepEqual(decided(choices, 'claude', time(900)), ['codex', null, null]);
    const [claude, codex, gemini] = choices as [BackendChoice, BackendChoice, BackendChoice];
    assert.deepEqual(decided([{ ...claude, until: time(900) }, codex, gemini], 'codex', time(60)), [
      ...['gemini', null, null],
    ]);
  });

  it('again on its own, once the time of that has come', () => {
    const back = [choice('claude', time(2), 'opus'), choice('codex')];
    assert.deepEqual(decided(back, 'codex', time(60)), ['claude', 'opus', null]);
  });

  it('where all refuse, on the one that answers first, at its time', () => {
    const others = [choice('claude', time(50), 'opus'), choice('codex')];
    assert.deepEqual(decided(others, 'codex', time(60)), ['claude', 'opus', time(50)]);
    assert.equal(decided(others, 'codex', time(40)), null, 'it stays, and waits');
  });

  it('nowhere else without further backends', () => {
    const { next } = start(started(planRequest([agentRequest({ name: 'a' })])), ['a']);
    assert.equal(decideFallback(named(next, 'a'), time(60), time(3)), null);
  });
});

describe('an agent that falls back', () => {
  const begun = () => started(planRequest([request('a'), request('b'), agentRequest({ name: 'plain' })]));

  it('is startable at once, elsewhere and without its conversation, and that is told', () => {
    const { next } = start(begun(), ['a']);
    const change = refused(next, time(900));
    const { backend, model, state, conversation, notBefore, postponed } = named(change.next, 'a');
    assert.deepEqual([backend, model, state, conversation], ['codex', null, 'resumable', null]);
    assert.deepEqual([notBefore, postponed], [null, 0]);
    assert.ok(told(change).includes('agent.fell_back a'));
    assert.equal(fallbackText(named(change.next, 'a')), `fell back from claude (refused until ${time(900)})`);
    assert.equal(quotaPause(change.next.agents, policy, time(4)), null, 'the session goes on');
  });

  it('lets siblings with the same choice start elsewhere, and holds back those without', () => {
    const { next } = refused(start(begun(), ['a']).next, time(900));
    assert.deepEqual(ready(next), ['a', 'b']);
    const change = start(next, ['b'], time(10));
    assert.equal(named(change.next, 'b').backend, 'codex');
    assert.deepEqual(told(change), ['agent.fell_back b', 'agent.started b']);
    assert.deepEqual(ready(next, time(901)), ['a', 'b', 'plain']);
  });

  it('counts as refused once more where it has to wait for all of them', () => {
    const backends = [choice('claude', time(50)), choice('codex')];
    const first = planRequest([request('a', { backends, backend: 'codex' })]);
    const { next } = refused(start(started(first), ['a']).next, time(60));
    const { backend, notBefore, postponed } = named(next, 'a');
    assert.deepEqual([backend, notBefore, postponed], ['claude', time(50), 1]);
    assert.deepEqual([ready(next, time(49)), ready(next, time(50))], [[], ['a']]);
  });

  it('is the same when its events are read again', () => {
    const before = begun();
    const first = start(before, ['a']);
    const second = refused(first.next, time(900));
    const third = start(second.next, ['a', 'b'], time(10));
    const events = [first, second, third].flatMap((change) => change.events);
    const recorded = events.map((event, index) => ({ ...event, seq: index + 1 }));
    assert.deepEqual(replay(before, recorded), third.next);
  });

  it('is on its first backend again after a retry, and free of refusals after a resume', () => {
    const fallen = refused(start(begun(), ['a']).next, time(900)).next;
    const paused = pauseSession(fallen, { reason: 'user' }, time(5)).next;
    assert.deepEqual(named(resumeSession(paused, time(6)).next, 'a').backends, choices);
    const failed = settle(start(fallen, ['a'], time(5)).next, 'a', outcomes.failed, time(6)).next;
    const { backend, model, backends } = named(deepFreeze(retryWorkflow(failed, null, time(7)).next), 'a');
    assert.deepEqual([backend, model, backends], ['claude', 'opus', choices]);
  });
});
