import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { AgentEnd } from '../../../src/application/ports/agent-host.ts';
import type { Backend } from '../../../src/application/ports/backend.ts';
import { outcomeOf } from '../../../src/application/session/run-outcome.ts';
import type { StopCause } from '../../../src/application/session/stop-cause.ts';
import type { Agent, FailureKind } from '../../../src/domain/agent.ts';
import { makeCommandBackend } from '../../../src/infrastructure/backends/command.ts';
import { sampleAgent } from '../../infrastructure/process/sample-agent.ts';

const end: AgentEnd = { how: 'exited', exitCode: 1, signal: null, at: '2026-01-01T00:00:20.000Z' };

/** A CLI that reports a missing conversation only on stderr. */
const backend = {
  ...makeCommandBackend(),
  goneConversation: (stderrTail: string) => (/no such session/.test(stderrTail) ? 'no such session' : null),
};

const stalled: StopCause = {
  kind: 'limit',
  failure: 'stalled',
  explain: () => 'It printed nothing for 5 s.',
};
const stop = { signals: ['SIGTERM'], survivors: 0, tookMs: 1 };

/** The outcome of an agent that was stopped as stalled, when its CLI reports this failure. */
function outcomeOfStalled(kind: FailureKind) {
  const failure = { kind, message: 'Slow down (rate limited; try again later)', stderrTail: '' };
  const explaining: Backend = { ...backend, explain: () => ({ state: 'failed', failure, result: null }) };
  const parsed = backend.makeParser(sampleAgent).parsed();
  const run = { agent: sampleAgent, backend: explaining, end, parsed, stderrTail: '', usage: null, ranMs: 5 };
  return outcomeOf({ ...run, stop, cause: stalled, stopAskedAt: end.at });
}

suite('an agent that was stopped for standing still', () => {
  test('was refused by its provider, where its CLI says so', () => {
    const told = outcomeOfStalled('rate_limited');
    assert.equal(told.state, 'failed');
    assert.deepEqual(
      [told.failure.kind, told.failure.message],
      ['rate_limited', 'Slow down (rate limited; try again later). It printed nothing for 5 s.'],
    );
  });

  test('has stalled, whatever else its CLI says', () => {
    const told = outcomeOfStalled('signal');
    assert.equal(told.state, 'failed');
    assert.deepEqual([told.failure.kind, told.failure.message], ['stalled', 'It printed nothing for 5 s.']);
  });
});

function outcome(resumed: string | null, stderrTail: string) {
  const agent = { ...sampleAgent, resumed };
  const parsed = backend.makeParser(agent).parsed();
  const run = { agent, backend, end, parsed, stderrTail, usage: null, ranMs: 5 };
  return outcomeOf({ ...run, stop: null, cause: null, stopAskedAt: null });
}

suite('a run whose CLI tells on stderr that its conversation is gone', () => {
  test('begins a new one', () => {
    const reason = 'Its conversation c-1 cannot be resumed (no such session), so it starts a new one.';
    const afresh = { state: 'resumable', reason, afresh: true };
    assert.deepEqual(outcome('c-1', 'Error: no such session\n'), afresh);
  });

  test('has failed where it was to go on with none, or says something else', () => {
    assert.equal(outcome(null, 'Error: no such session\n').state, 'failed');
    assert.equal(outcome('c-1', 'Error: out of paper\n').state, 'failed');
  });
});

suite('an agent whose host is lost', () => {
  const resuming = { ...backend, capabilities: { ...backend.capabilities, resumes: true } };
  const after = (agent: Agent) =>
    outcomeOf({
      ...{
        agent,
        backend: resuming,
        end: { how: 'lost', at: end.at },
        stderrTail: '',
        usage: null,
        ranMs: 5,
      },
      ...{ parsed: backend.makeParser(agent).parsed(), stop: null, cause: null, stopAskedAt: null },
    });
  const remote: Agent = { ...sampleAgent, pool: 'gpu' };

  test('is not run again by itself, even where its CLI can resume', () => {
    const told = after(remote);
    assert.equal(told.state, 'failed');
    assert.equal(told.failure.kind, 'lost');
    assert.match(told.failure.message, /not run again by itself: its plan has no rerun_on_lost\.$/);
  });

  test('is run again as its plan allows, and counts that', () => {
    const told = after({ ...remote, rerunOnLost: 2, reruns: 1, attempt: 4 });
    const reason = 'Its host is lost. It runs again as attempt 5 (rerun 2 of 2).';
    assert.deepEqual(told, { state: 'resumable', reason, afresh: true, rerun: 2 });
    const last = after({ ...remote, rerunOnLost: 2, reruns: 2 });
    assert.equal(last.state, 'failed');
    assert.match(last.failure.message, /its plan allows 2 reruns\.$/);
  });
});
