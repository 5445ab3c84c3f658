import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { AgentEnd } from '../../../src/application/ports/agent-host.ts';
import type { AgentOutcome } from '../../../src/domain/settle-agent.ts';
import { makeClaudeBackend } from '../../../src/infrastructure/backends/claude/backend.ts';
import { settingsOf } from './claude-settings.ts';
import { readLines } from './recordings.ts';

const backend = makeClaudeBackend({ config: settingsOf(), env: {} });
const at = '2026-01-01T00:00:00.000Z';
const exited: AgentEnd = { how: 'exited', exitCode: 0, signal: null, at };
const terminated: AgentEnd = { how: 'exited', exitCode: null, signal: 'SIGTERM', at };

const init = { type: 'system', subtype: 'init', session_id: '11111111-2222-4333-8444-555555555555' };
let messages = 0;
function turn(): object {
  messages += 1;
  return { type: 'assistant', message: { id: `msg_${messages}`, model: 'claude-x', content: [], usage: {} } };
}
function success(result: string, more: object = {}): object {
  return { type: 'result', subtype: 'success', is_error: false, result, num_turns: 1, ...more };
}
function failure(errors: readonly string[], more: object = {}): object {
  return { type: 'result', subtype: 'error_during_execution', is_error: true, errors, num_turns: 0, ...more };
}
function background(...names: string[]): object {
  const tasks = names.map((description) => ({ task_id: description, description, task_type: 'local_bash' }));
  return { type: 'system', subtype: 'background_tasks_changed', tasks };
}
function task(description: string, status: string): object {
  return { type: 'system', subtype: 'task_notification', task_id: description, status };
}

function end(lines: readonly object[], how: AgentEnd = exited): AgentOutcome {
  return backend.explain(how, readLines(init, ...lines).run, '');
}
function result(outcome: AgentOutcome): string | null {
  assert.notEqual(outcome.state, 'resumable');
  return outcome.state === 'completed' ? outcome.result : null;
}

suite('a result while work goes on in the background', () => {
  const interim = [turn(), background('build'), success('The build runs.')];
  const done = [task('build', 'completed'), background()];

  test('is an answer, and not yet the result', () => {
    const { run } = readLines(init, ...interim);
    assert.deepEqual(run.answer, { text: 'The build runs.', background: ['build'] });
    assert.deepEqual([run.verdict, run.result], [null, null]);
  });

  test('gives way to the one that follows', () => {
    const lines = [...interim, ...done, init, turn(), success('It is built.')];
    assert.equal(result(end(lines)), 'It is built.');
    assert.equal(result(end(lines, terminated)), 'It is built.');
  });

  test('completes nothing when it is the last that was heard, however the process ended', () => {
    const ends: readonly AgentEnd[] = [exited, terminated, { how: 'lost', at }];
    for (const how of ends) assert.equal(result(end(interim, how)), null, JSON.stringify(how));
    for (const how of [terminated, ends[2] as AgentEnd])
      assert.equal(result(end([...interim, ...done], how)), null);
    for (const lines of [[init], [init, turn()], [turn()]]) {
      assert.equal(result(end([...interim, ...done, ...lines])), null);
    }
  });

  test('is the result after all when the work was done and it ended by itself', () => {
    assert.equal(result(end([...interim, ...done])), 'The build runs.');
  });

  test('is none when that work was ended, though the exit status is 0', () => {
    for (const status of ['stopped', 'killed']) {
      const outcome = end([...interim, task('build', status), background()]);
      assert.equal(outcome.state === 'failed' && outcome.failure.kind, 'signal');
    }
  });

  test('names what was not done', () => {
    const outcome = end(interim);
    assert.match(
      outcome.state === 'failed' ? outcome.failure.message : '',
      /background work \(build\) did not finish/,
    );
  });

  test('that the model itself ended does not count', () => {
    const lines = [
      turn(),
      background('server'),
      task('server', 'killed'),
      background(),
      success('Stopped it.'),
    ];
    assert.equal(result(end(lines)), 'Stopped it.');
  });
});

suite('a result line without work', () => {
  test('is no completion: no turn, no message', () => {
    const blocked = { kind: 'blocked_by_hook', reason: 'not today' };
    const informational = { type: 'system', subtype: 'informational', prompt_submit_outcome: blocked };
    for (const lines of [
      [success('Blocked: do it', { num_turns: 0 })],
      [success('Blocked: do it', { num_turns: -1 })],
      [informational, success('Blocked: do it', { num_turns: 0 })],
      [informational, success('Blocked: do it')],
    ]) {
      const outcome = end(lines);
      assert.equal(outcome.state, 'failed');
      assert.equal(outcome.failure.kind, 'exit_code');
      assert.match(
        outcome.failure.message,
        /^Claude Code ended without working on the task: (not today|Blocked: do it)\./,
      );
      assert.equal(outcome.result, null);
    }
  });

  test('that a message came before completes', () => {
    assert.equal(result(end([turn(), success('Done.', { num_turns: 0 })])), 'Done.');
  });
});

suite('of several result lines', () => {
  test('the last one counts where the model had a turn in between', () => {
    assert.equal(result(end([turn(), success('One.'), turn(), success('Two.')])), 'Two.');
    assert.equal(result(end([turn(), failure(['No.']), turn(), success('Two.')])), 'Two.');
    assert.equal(result(end([turn(), success('One.'), turn(), failure(['No.'])])), null);
  });

  test('an error with no turn after a success leaves it as it is, and its usage', () => {
    const models = { modelUsage: { x: { inputTokens: 7 } }, total_cost_usd: 0.5 };
    const late = failure(['Aborted.'], { modelUsage: {}, total_cost_usd: 0 });
    const { run, activities } = readLines(init, turn(), success('Done.', models), init, late);
    assert.equal(run.result, 'Done.');
    assert.equal(run.verdict?.ok, true);
    assert.deepEqual([run.usage?.inputTokens, run.usage?.costUsd, run.usage?.turns], [7, 0.5, 1]);
    assert.deepEqual(activities.at(-1), { type: 'notice', text: 'After its result: Aborted.' });
  });

  test('an error after an answer with work in the background counts', () => {
    assert.equal(
      result(end([turn(), background('build'), success('It runs.'), background(), failure(['No.'])])),
      null,
    );
  });
});

suite("a limit of Claude Code's own", () => {
  test('is a budget', () => {
    for (const subtype of ['error_max_turns', 'error_max_budget_usd']) {
      const outcome = end([turn(), failure(['Reached it'], { subtype })], { ...exited, exitCode: 1 });
      assert.equal(outcome.state === 'failed' && outcome.failure.kind, 'budget_exceeded');
    }
  });
});
