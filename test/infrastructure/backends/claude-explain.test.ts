import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { suite, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import type { AgentEnd } from '../../../src/application/ports/agent-host.ts';
import type { Verdict } from '../../../src/application/ports/backend.ts';
import type { FailureKind } from '../../../src/domain/agent.ts';
import { makeClaudeBackend } from '../../../src/infrastructure/backends/claude/backend.ts';
import { settingsOf } from './claude-settings.ts';
import { cutAt, readChunks, readLines, readRecording } from './recordings.ts';

interface Expected {
  /** Null: completed. */
  readonly kind: FailureKind | null;
  /** Of the failure's message, or of the result where it completed. */
  readonly words: RegExp;
  readonly retryAt?: string;
}

const signIn = "Run 'claude' once and enter /login, or set ANTHROPIC_API_KEY, then try again\\.";
const later = '\\(rate limited; try again later\\)';
const raise =
  'Raise the limit \\(maxBudgetUsd or extraArgs of backends\\.claude\\), or give it a smaller task\\.';
const unfinished = '^Claude Code was stopped while its background work was still running';
const failed = (kind: FailureKind, words: string, retryAt?: string): Expected => ({
  kind,
  words: new RegExp(words),
  ...(retryAt === undefined ? {} : { retryAt }),
});
const completed = (words: RegExp): Expected => ({ kind: null, words });

/** How every recorded end of Claude Code is told. */
const table: Readonly<Record<string, Expected>> = {
  success: completed(/^Hello\.$/),
  'tool-use': completed(/^hello\.txt has 6 bytes/),
  'resume-after-kill': completed(/^Hello\.$/),
  background: completed(/^The tests have passed\.$/),
  'background-killed-sigterm': failed('signal', unfinished),
  'background-killed-sigint': failed('signal', unfinished),
  'prompt-refused': failed(
    'exit_code',
    '^Claude Code ended without working on the task: not on Fridays\\. Check the hooks',
  ),
  'permission-denied': completed(/^I was not allowed to run git\.$/),
  'auth-error': failed('auth_required', `^Invalid API key · Fix external API key\\. ${signIn}$`),
  'token-revoked': failed('auth_required', `401 OAuth token has been revoked\\. ${signIn}$`),
  'not-signed-in': failed('auth_required', `^Not logged in · Please run /login\\. ${signIn}$`),
  'no-credit': failed(
    'auth_required',
    '^Credit balance is too low\\. Add credit, or sign in with another account\\.$',
  ),
  'usage-limit-subscription': failed(
    'rate_limited',
    "^You've hit your 5-hour limit · resets .* \\(rate limited until 2099-01-01T00:00:00\\.000Z\\)$",
    '2099-01-01T00:00:00.000Z',
  ),
  'usage-limit-api-key': failed('rate_limited', `^API Error: Request rejected \\(429\\) · .* ${later}$`),
  'rate-limited': failed('rate_limited', `^API Error: Request rejected \\(429\\) · .* ${later}$`),
  'rate-limited-for-long': failed('rate_limited', `^API Error: Request rejected \\(429\\) · .* ${later}$`),
  overloaded: failed('rate_limited', `^API Error: Repeated 529 Overloaded errors\\..* ${later}$`),
  'server-error': failed('exit_code', '^API Error: 500 Internal server error\\.'),
  unreachable: failed('exit_code', '^API Error: Connection refused'),
  'model-silent': failed('exit_code', '^Request timed out\\.'),
  'bad-model': failed(
    'model_unavailable',
    "^There's an issue with the selected model \\(claude-nonexistent-9\\)\\. .* Name a model that this account can use",
  ),
  'max-turns': failed('budget_exceeded', `^Reached maximum number of turns \\(1\\)\\. ${raise}$`),
  'max-budget': failed('budget_exceeded', `^Reached maximum budget \\(\\$0\\.01\\)\\. ${raise}$`),
  'resume-unknown': failed('exit_code', '^No conversation found with session ID: 11111111-'),
  'killed-sigint': failed('signal', '^Claude Code was interrupted before it finished\\.$'),
  'killed-sigint-in-tool': failed('signal', '^Claude Code was interrupted before it finished\\.$'),
  'killed-sigint-before-answer': failed('signal', '^Claude Code was interrupted before it finished\\.$'),
  'killed-sigterm': failed('signal', '^Claude Code was killed by SIGTERM\\.$'),
  'killed-sigkill': failed('signal', '^Claude Code was killed by SIGKILL \\(by hand, or by the system'),
  'session-in-use': failed(
    'exit_code',
    '^Claude Code exited with status 1\\. It gave no result: Error: Session ID .* is already in use\\.$',
  ),
  'bad-flag': failed('exit_code', "status 1\\. It gave no result: error: unknown option '--no-such-flag'$"),
  'root-bypass': failed(
    'exit_code',
    'It gave no result: --dangerously-skip-permissions cannot be used with root',
  ),
  'empty-prompt': failed('exit_code', 'It gave no result: Error: Input must be provided'),
};

const recorded = readdirSync(fileURLToPath(new URL('../../fixtures/claude-code', import.meta.url)))
  .filter((file) => file.endsWith('.jsonl'))
  .map((file) => file.slice(0, -'.jsonl'.length));
const backend = makeClaudeBackend({ config: settingsOf(), env: {} });
const exited: AgentEnd = { how: 'exited', exitCode: 0, signal: null, at: '2026-01-01T00:00:00.000Z' };

test('the table knows every recording', () => {
  assert.deepEqual(Object.keys(table).sort(), recorded.sort());
});

suite('why Claude Code ended', () => {
  for (const [name, expected] of Object.entries(table)) {
    test(name, () => {
      const { stdout, stderr, end } = readRecording(name);
      const whole = readChunks([stdout]);
      fc.assert(
        fc.property(fc.array(fc.nat(100_000), { maxLength: 400 }), (cuts) => {
          assert.deepEqual(readChunks(cutAt(stdout, cuts)), whole);
        }),
        { numRuns: 25 },
      );

      const outcome = backend.explain(end, whole.run, stderr);
      assert.equal(whole.run.verdict?.retryAt ?? undefined, expected.retryAt);
      if (expected.kind === null) {
        assert.equal(outcome.state, 'completed');
        assert.match(outcome.result, expected.words);
      } else {
        assert.equal(outcome.state, 'failed');
        assert.match(outcome.failure.message, expected.words);
        assert.equal(outcome.failure.kind, expected.kind);
        assert.equal(outcome.failure.stderrTail, stderr);
        assert.equal(outcome.result, null);
      }
    });
  }

  test('exit status 0 without a result is no success', () => {
    const outcome = backend.explain(exited, readLines().run, '');
    assert.equal(outcome.state, 'failed');
    assert.equal(outcome.failure.kind, 'exit_code');
    assert.equal(outcome.failure.message, 'Claude Code exited with status 0. It gave no result');
  });

  test('a result without error is success, however the process ended', () => {
    const { run } = readChunks([readRecording('success').stdout]);
    const ends: readonly AgentEnd[] = [
      { ...exited, exitCode: 1 },
      { ...exited, exitCode: null, signal: 'SIGKILL' },
      { how: 'lost', at: exited.at },
    ];
    for (const end of ends) assert.equal(backend.explain(end, run, '').state, 'completed', end.how);
  });

  test('gone without a record is lost', () => {
    const outcome = backend.explain({ how: 'lost', at: exited.at }, readLines().run, '');
    assert.equal(outcome.state, 'failed');
    assert.equal(outcome.failure.kind, 'lost');
  });

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
