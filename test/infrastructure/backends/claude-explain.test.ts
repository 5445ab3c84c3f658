import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { AgentEnd } from '../../../src/application/ports/agent-host.ts';
import type { Verdict } from '../../../src/application/ports/backend.ts';
import { makeClaudeBackend } from '../../../src/infrastructure/backends/claude/backend.ts';
import { settingsOf } from './claude-settings.ts';
import { readLines } from './recordings.ts';

const backend = makeClaudeBackend({ config: settingsOf(), env: {} });
const exited: AgentEnd = { how: 'exited', exitCode: 0, signal: null, at: '2026-01-01T00:00:00.000Z' };

suite('why Claude Code ended', () => {
  test('a conversation that is too long and a refusal are told apart, with what to do', () => {
    const explained = (told: object) => {
      const line = { type: 'result', subtype: 'success', is_error: true, result: 'No.', ...told };
      const outcome = backend.explain(exited, readLines(line).run, '');
      assert.equal(outcome.state, 'failed');
      return [outcome.failure.kind, outcome.failure.message];
    };
    assert.deepEqual(explained({ terminal_reason: 'prompt_too_long' }), [
      'context_exceeded',
      'No. Give the agent a smaller task, or split it over several agents.',
    ]);
    assert.deepEqual(explained({ stop_reason: 'refusal' }), [
      'refused',
      'No. Rephrase the task, or use another model.',
    ]);
  });

  test('a status alone tells that a sign-in or patience is needed', () => {
    const kindOf = (status: number): Verdict['kind'] | undefined =>
      readLines({
        type: 'result',
        subtype: 'success',
        is_error: true,
        api_error_status: status,
        result: 'No.',
      }).run.verdict?.kind;
    assert.deepEqual([401, 403, 429, 529, 400, 500].map(kindOf), [
      'auth_required',
      'auth_required',
      'rate_limited',
      'rate_limited',
      null,
      null,
    ]);
  });
});
