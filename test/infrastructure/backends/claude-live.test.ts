import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { AgentActivity, PermissionAsked } from '../../../src/application/ports/backend.ts';
import { ruleFor } from '../../../src/domain/approval-rule.ts';
import { startOf } from '../../../src/domain/cut-text.ts';
import { makeClaudeBackend } from '../../../src/infrastructure/backends/claude/backend.ts';
import { fc } from '../../helpers/properties.ts';
import { settingsOf } from './claude-settings.ts';
import { readRecording } from './recordings.ts';

const backend = makeClaudeBackend({ config: settingsOf(), env: {} });
const live = backend.live ?? assert.fail('it takes no input');

function told(bytes: Uint8Array): Record<string, unknown> {
  const text = Buffer.from(bytes).toString();
  assert.match(text, /^[^\n]+\n$/);
  return JSON.parse(text);
}

function read(lines: readonly object[]) {
  const parser = backend.makeParser();
  const activities = lines.flatMap((line) => parser.push(Buffer.from(`${JSON.stringify(line)}\n`)));
  return { activities, run: parser.parsed() };
}

/** The line with which Claude Code confirms an accepted message. */
function replayOf(bytes: Uint8Array): object {
  return { ...told(bytes), isReplay: true };
}

const ulid = fc
  .tuple(
    fc.integer({ min: 0, max: 7 }),
    fc.string({ unit: fc.constantFrom(...'0123456789ABCDEFGHJKMNPQRSTVWXYZ'), minLength: 25, maxLength: 25 }),
  )
  .filter(([first, rest]) => first < 7 || !rest.startsWith('ZZZZZZZZZ'))
  .map((parts) => parts.join(''));

const init = { type: 'system', subtype: 'init', session_id: '11111111-2222-4333-8444-555555555555' };
const success = { type: 'result', subtype: 'success', is_error: false, result: 'Done.', num_turns: 1 };
let messages = 0;
const turn = () => ({
  type: 'assistant',
  message: { id: `msg_${messages++}`, content: [{ type: 'text', text: 'So be it.' }], usage: {} },
});

suite('what Claude Code is told while it works', () => {
  test('a message has the same UUID every time, and its replay tells its id', () => {
    fc.assert(
      fc.property(ulid, fc.string({ unit: 'binary' }), (id, text) => {
        const bytes = live.text(`msg_${id}`, text);
        assert.deepEqual(bytes, live.text(`msg_${id}`, text));
        assert.deepEqual(told(bytes).message, { role: 'user', content: text.toWellFormed() });
        const [received, ...more] = read([replayOf(bytes)]).activities;
        const shown = { type: 'received', entry: `msg_${id}`, text: startOf(text.toWellFormed(), 4_000) };
        assert.deepEqual([received, more], [shown, []]);
      }),
    );
  });

  test('the prompt of another attempt is another message: it would be skipped in a conversation that has it', () => {
    const [one, other] = [live.text('prompt', 'Go on.'), live.text('prompt', 'Go on.')];
    assert.notEqual(told(one).uuid, told(other).uuid);
    assert.deepEqual(read([replayOf(one)]).activities, [{ type: 'received', entry: 'prompt' }]);
  });

  test('what it shows of messages that are not ours is no evidence', () => {
    const own = { type: 'user', message: { role: 'user', content: 'Task done.' }, isReplay: true };
    for (const uuid of [undefined, '', 'msg_1', 7]) assert.deepEqual(read([{ ...own, uuid }]).activities, []);
  });
});

suite('the permission to use a tool', () => {
  const request = {
    subtype: 'can_use_tool',
    tool_name: 'Bash',
    input: { command: 'make install\n# twice', description: 'Install' },
    decision_reason: 'This command requires approval',
  };
  const line = { type: 'control_request', request_id: 'r1', request };
  const asked = read([line]).activities[0] as PermissionAsked & { readonly type: string };
  const permission = live.permission ?? assert.fail('it asks for none');

  test('is asked for with all of the command, and why', () => {
    const { input } = request;
    const expected = {
      ...{ type: 'permission', key: 'r1', tool: 'Bash', action: input.command, input },
      reason: 'This command requires approval',
    };
    assert.deepEqual(asked, expected);
  });

  test('for a tool of an MCP server shows all that it is given: a rule must not see a part of it', () => {
    const input = { path: 'src/a.ts', description: 'Read it', script: `rm -rf / # ${'x'.repeat(300)}` };
    const actionOf = (tool_name: string, given: object): string =>
      (read([{ ...line, request: { ...request, tool_name, input: given } }]).activities[0] as PermissionAsked)
        .action;
    assert.equal(actionOf('mcp__files__run', input), JSON.stringify(input));
    assert.equal(
      actionOf('NewTool', { description: 'Read it', script: 'rm' }),
      '{"description":"Read it","script":"rm"}',
    );
    assert.equal(actionOf('mcp__files__list', {}), 'mcp__files__list');
  });

  test('shows what the tool acts on, whatever fields the model adds', () => {
    const actionOf = (tool_name: string, given: object): string =>
      (read([{ ...line, request: { ...request, tool_name, input: given } }]).activities[0] as PermissionAsked)
        .action;
    const decoys = { command: 'npm test', path: 'src/a.ts', query: 'weather' };
    assert.equal(actionOf('Edit', { ...decoys, file_path: '/etc/passwd' }), '/etc/passwd');
    assert.equal(actionOf('WebFetch', { ...decoys, url: 'http://evil', prompt: 'x' }), 'http://evil');
    assert.equal(actionOf('NotebookEdit', { ...decoys, notebook_path: '/n' }), '/n');
    assert.equal(actionOf('Bash', { ...decoys, file_path: 'src/a.ts' }), 'npm test');
    // A rule for the command allows it only in the sandbox.
    const outside = actionOf('Bash', { command: 'npm test', dangerouslyDisableSandbox: true });
    assert.equal(outside, 'npm test (outside the sandbox of Claude Code)');
    const rule = { tool: 'Bash', pattern: 'npm test*' };
    assert.equal(ruleFor([{ ...rule, decision: 'allow' }], { tool: 'Bash', action: outside }), null);
    assert.notEqual(ruleFor([{ ...rule, decision: 'deny' }], { tool: 'Bash', action: outside }), null);
    // Of a tool that MAOS does not know, everything.
    assert.equal(
      actionOf('NewTool', { ...decoys, script: 'rm' }),
      JSON.stringify({ ...decoys, script: 'rm' }),
    );
    assert.equal(actionOf('Write', { command: 'npm test' }), '{"command":"npm test"}');
  });

  test('is given, and repeats what the tool is given', () => {
    const response = { behavior: 'allow', updatedInput: request.input };
    assert.deepEqual(told(permission(asked, { allow: true })), {
      type: 'control_response',
      response: { subtype: 'success', request_id: 'r1', response },
    });
  });

  test('is given without that where it is too long for the input', () => {
    const input = { file_path: '/a', content: 'x'.repeat(5 * 2 ** 20) };
    const [long] = read([{ ...line, request: { ...request, input } }]).activities as PermissionAsked[];
    assert.ok(permission(long ?? asked, { allow: true }).length < 500);
  });

  test('is refused, with words for the model', () => {
    const { response } = told(permission(asked, { allow: false, message: 'Not today.' })) as {
      response: { response: unknown };
    };
    assert.deepEqual(response.response, { behavior: 'deny', message: 'Not today.' });
  });

  test('is a question where the model asks its user; the answer is for each part of it', () => {
    const input = {
      questions: [{ question: 'Which one?', options: [{ label: 'A' }, { label: 'B' }] }],
    };
    const [question] = read([{ ...line, request: { ...request, tool_name: 'AskUserQuestion', input } }])
      .activities as PermissionAsked[];
    assert.deepEqual([question?.action, question?.choices], ['Which one?', ['A', 'B']]);
    const { response } = told(permission(question ?? asked, { allow: true, text: 'B' })) as {
      response: { response: unknown };
    };
    const updatedInput = { ...input, answers: { 'Which one?': 'B' } };
    assert.deepEqual(response.response, { behavior: 'allow', updatedInput });
  });

  test('is no longer waited for', () => {
    const { activities } = read([line, { type: 'control_cancel_request', request_id: 'r1' }]);
    assert.deepEqual(activities[1], { type: 'permission_withdrawn', key: 'r1' });
  });

  test('anything else that it waits for is refused at once', () => {
    const other = { type: 'control_request', request_id: 'r2', request: { subtype: 'elicitation' } };
    const [activity] = read([other]).activities as Extract<AgentActivity, { type: 'refusal' }>[];
    assert.equal(activity?.key, 'r2');
    const { response } = told(activity?.bytes ?? new Uint8Array()) as { response: { error: string } };
    assert.deepEqual({ ...response, error: '' }, { subtype: 'error', request_id: 'r2', error: '' });
    assert.match(response.error, /'elicitation'/);
  });
});

suite('at rest', () => {
  const message = replayOf(live.text('msg_01K0ABCDEFGHJKMNPQRSTVWXYZ', 'One more thing.'));

  test('is Claude Code after its result, until another turn begins', () => {
    assert.equal(read([init, turn()]).run.isAtRest, undefined);
    assert.equal(read([init, turn(), success]).run.isAtRest, true);
    assert.equal(read([init, turn(), { ...success, is_error: true }]).run.isAtRest, true);
    assert.equal(read([init, turn(), success, init]).run.isAtRest, undefined);
    assert.equal(read([init, turn(), success, init, message, turn(), success]).run.isAtRest, true);
  });

  test('it is not while something runs in the background', () => {
    const tasks = (...all: object[]) => ({ type: 'system', subtype: 'background_tasks_changed', tasks: all });
    const task = { task_id: 'b', description: 'Build' };
    assert.equal(read([init, turn(), tasks(task), success]).run.isAtRest, undefined);
    assert.equal(read([init, turn(), tasks(task), success, tasks()]).run.isAtRest, true);
  });

  test('a message that it has already leaves it there', () => {
    assert.equal(read([init, turn(), success, message]).run.isAtRest, true);
  });

  test('a message after the result is more work: without its end there is no result', () => {
    const { run } = read([init, turn(), success, init, message]);
    assert.deepEqual([run.verdict, run.result, run.answer], [null, null, null]);
    const end = { how: 'exited', exitCode: 0, signal: null, at: '2026-01-01T00:00:00.000Z' } as const;
    assert.equal(backend.explain(end, run, '').state, 'failed');
  });
});

suite('as recorded from Claude Code', () => {
  const entry = 'msg_01K0ABCDEFGHJKMNPQRSTVWXYZ';
  const recorded = (name: string) => {
    const parser = backend.makeParser();
    const activities = [...parser.push(readRecording(name).stdout), ...parser.end()];
    const types = activities.map((activity) =>
      activity.type === 'received' ? activity.entry : activity.type,
    );
    return { types, activities, run: parser.parsed() };
  };

  test('a message comes into the turn after the tool, once', () => {
    const { types, run } = recorded('live-message-in-turn');
    assert.deepEqual(types, ['prompt', 'tool_use', 'tool_result', entry, 'text', 'result']);
    assert.equal(run.isAtRest, true);
  });

  test('a message after the result begins another turn, whose result counts', () => {
    const { types, run } = recorded('live-message-after-result');
    assert.deepEqual(types, ['prompt', 'text', 'result', entry, 'text', 'result']);
    assert.deepEqual([run.result, run.isAtRest, run.usage?.turns], ['Done again.', true, 2]);
  });

  test('a permission is asked for, then the tool runs or tells why it does not', () => {
    for (const [name, ok, text] of [
      ['live-permission-given', true, '(Bash completed with no output)'],
      ['live-permission-refused', false, 'Not today.'],
    ] as const) {
      const { types, activities } = recorded(name);
      assert.deepEqual(types, ['prompt', 'tool_use', 'permission', 'tool_result', 'text', 'result']);
      const asked = activities[2] as AgentActivity & { readonly type: 'permission' };
      assert.deepEqual([asked.tool, asked.action], ['Bash', 'touch made']);
      assert.deepEqual(activities[3], { type: 'tool_result', ok, text });
    }
  });
});
