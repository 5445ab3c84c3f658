import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { AgentEnd } from '../../../src/application/ports/agent-host.ts';
import { outcomeOf } from '../../../src/application/session/run-outcome.ts';
import { makeCommandBackend } from '../../../src/infrastructure/backends/command.ts';
import { sampleAgent } from '../../infrastructure/process/sample-agent.ts';

const end: AgentEnd = { how: 'exited', exitCode: 1, signal: null, at: '2026-01-01T00:00:20.000Z' };

/** A CLI that tells on stderr alone that there is no such conversation. */
const backend = {
  ...makeCommandBackend(),
  goneConversation: (stderrTail: string) => (/no such session/.test(stderrTail) ? 'no such session' : null),
};

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
