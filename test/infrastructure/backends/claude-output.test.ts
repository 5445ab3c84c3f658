import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { renderActivity } from '../../../src/application/queries/agent-output.ts';
import { ClaudeOutputParser } from '../../../src/infrastructure/backends/claude/output.ts';
import { cutAt } from '../../helpers/backend-contract.ts';
import { fc } from '../../helpers/properties.ts';
import { readChunks, readLines, readRecording } from './recordings.ts';

const conversation = '11111111-2222-4333-8444-555555555555';
const noTokens = { inputTokens: 0, outputTokens: 0, cacheReadTokens: 0, cacheWriteTokens: 0 };

function assistant(id: string, usage: object, content: unknown[] = []): object {
  return { type: 'assistant', message: { id, model: 'claude-opus-5-5', usage, content } };
}

/** Claude Code's report of a provider error. */
function apiError(error: string): object {
  return { type: 'assistant', error, message: { id: 'x', model: '<synthetic>', content: [] } };
}

suite("Claude Code's output", () => {
  test('usage and cost are those of the result line', () => {
    const { run } = readChunks([readRecording('tool-use').stdout]);
    assert.deepEqual(run.usage, {
      ...noTokens,
      inputTokens: 300,
      outputTokens: 60,
      turns: 3,
      costUsd: 0.0024,
    });
    assert.equal(run.turns, 3);
  });

  test('a conversation is an id: nothing else comes back as an argument of the CLI', () => {
    const idOf = (session_id: unknown) =>
      readLines({ type: 'system', subtype: 'init', session_id }).run.conversation;
    assert.equal(idOf(conversation), conversation);
    for (const id of ['--settings=/x', '-p', '../x', 'a b', 'a'.repeat(200), 7, null])
      assert.equal(idOf(id), null);
  });

  test('a run cut short is counted by its models, also where its usage says zero', () => {
    const { run } = readChunks([readRecording('max-budget').stdout]);
    assert.deepEqual(run.usage, {
      ...noTokens,
      inputTokens: 100,
      outputTokens: 100_000,
      turns: 1,
      costUsd: 2.0004,
    });
  });

  test('while it runs each message counts once, in as many lines as it comes', () => {
    const usage = {
      input_tokens: 10,
      output_tokens: 2,
      cache_read_input_tokens: 30,
      cache_creation_input_tokens: 4,
    };
    const { run } = readLines(assistant('a', usage), assistant('b', usage), assistant('a', usage));
    assert.deepEqual(run.usage, {
      inputTokens: 20,
      outputTokens: 4,
      cacheReadTokens: 60,
      cacheWriteTokens: 8,
      turns: 2,
      costUsd: null,
    });
    assert.equal(run.verdict, null);
  });

  test('a run that has said nothing has no usage: unknown is not zero', () => {
    assert.equal(readLines({ type: 'system', subtype: 'init', session_id: conversation }).run.usage, null);
  });

  test('ten thousand messages are counted, and forgotten', () => {
    const parser = new ClaudeOutputParser();
    const before = process.memoryUsage().heapUsed;
    for (let i = 0; i < 10_000; i += 1) {
      // With an id of extreme length, memory use shows whether ids are kept.
      const line = assistant(`${i}`.padStart(10_000), { input_tokens: 1 });
      parser.push(Buffer.from(`${JSON.stringify(line)}\n`));
    }
    const grown = (process.memoryUsage().heapUsed - before) / 2 ** 20;
    assert.equal(parser.parsed().usage?.inputTokens, 10_000);
    assert.equal(parser.parsed().turns, 10_000);
    assert.ok(grown < 60, `${grown.toFixed(1)} MB for 100 MB of ids`);
  });

  test('only a conversation that began is told: with it the run can be resumed', () => {
    for (const name of ['success', 'resume-after-kill', 'killed-sigkill', 'auth-error']) {
      assert.equal(readChunks([readRecording(name).stdout]).run.conversation, conversation, name);
    }
    for (const name of ['resume-unknown', 'session-in-use', 'bad-flag', 'empty-prompt']) {
      assert.equal(readChunks([readRecording(name).stdout]).run.conversation, null, name);
    }
  });

  test('people read what it said and did, and what went wrong', () => {
    const readable = (name: string): string =>
      readChunks([readRecording(name).stdout])
        .activities.map(renderActivity)
        .join('');
    assert.equal(
      readable('tool-use'),
      [
        'I write the file.',
        '> Write: /home/user/project/hello.txt',
        '> Bash: wc -c hello.txt',
        'hello.txt has 6 bytes (tool results seen: 1).\n',
      ].join('\n'),
    );
    assert.equal(
      readable('permission-denied'),
      ['> Bash: git commit -m x', 'x This command requires approval', 'I was not allowed to run git.\n'].join(
        '\n',
      ),
    );
    assert.match(
      readable('auth-error'),
      /^! The provider answered authentication_failed \(401\); attempt 1 of 2, retrying in 1 s\n/,
    );
    assert.match(
      readable('unreachable'),
      /^! The provider did not answer; attempt 1 of 2, retrying in 1 s\n/,
    );
    assert.match(
      readable('usage-limit-subscription'),
      /^! Usage limit reached \(five_hour\) until 2099-01-01T00:00:00\.000Z\n/,
    );
    assert.match(readable('killed-sigint-before-answer'), /^! \[Request interrupted by user\]\n$/);
  });

  test('lines it does not know are passed over', () => {
    const { stdout } = readRecording('tool-use');
    const plain = readChunks([stdout]);
    const strange = [
      { type: 'future_event', message: { content: 'no list' } },
      { type: 'system', subtype: 'compact_boundary', compact_metadata: null },
      { type: 'assistant' },
      { type: 'user', message: { content: 'text instead of blocks' } },
      { type: 'assistant', message: { id: 'msg_scripted_0', content: [null, 7, { type: 'thinking' }] } },
      { type: 'rate_limit_event', rate_limit_info: { status: 'allowed', resetsAt: 4_070_908_800 } },
      null,
      [1, 2],
      42,
    ].map((line) => `${JSON.stringify(line)}\n`);
    const [first = '', ...rest] = stdout.toString().split(/(?<=\n)/);
    const mixed = [first, ...strange, ...rest.flatMap((line, i) => [line, '\n', strange[i] ?? ''])].join('');
    const read = readChunks([Buffer.from(mixed)]);
    assert.deepEqual(read.activities, plain.activities);
    assert.deepEqual(read.run, plain.run);
  });

  test('an error that it recovered from is not the reason of its end', () => {
    const rejected = {
      type: 'rate_limit_event',
      rate_limit_info: { status: 'rejected', resetsAt: 4_070_908_800 },
    };
    const ended = { type: 'result', subtype: 'error_max_turns', is_error: true, errors: ['Reached maximum'] };
    const recovered = readLines(rejected, apiError('rate_limit'), assistant('a', {}), ended);
    assert.deepEqual(recovered.run.verdict, {
      ok: false,
      kind: 'budget_exceeded',
      message: 'Reached maximum',
      retryAt: null,
    });
    const limited = readLines(assistant('a', {}), rejected, apiError('rate_limit'), ended);
    assert.equal(limited.run.verdict?.kind, 'rate_limited');
  });

  test('half a last line is shown as a notice, and does not count', () => {
    const { stdout } = readRecording('success');
    const lastLine = stdout.subarray(0, -1).lastIndexOf(10) + 1;
    const { activities, run } = readChunks([stdout.subarray(0, lastLine + 300)]);
    assert.equal(run.verdict, null);
    assert.equal(run.conversation, conversation);
    const [text, notice] = activities;
    assert.deepEqual(text, { type: 'text', text: 'Hello.' });
    assert.equal(notice?.type, 'notice');
    assert.equal(activities.length, 2);
  });

  test('a last line without its line feed counts', () => {
    const { stdout } = readRecording('success');
    assert.deepEqual(readChunks([stdout.subarray(0, -1)]), readChunks([stdout]));
  });

  test('a line of 20 MB is passed over with a notice, in bounded memory', () => {
    const parser = new ClaudeOutputParser();
    const chunk = Buffer.alloc(64 * 1024, 'x');
    parser.push(Buffer.from('{"type":"user","message":{"content":"'));
    let most = 0;
    for (let sent = 0; sent < 20 * 2 ** 20; sent += chunk.length) {
      parser.push(chunk);
      most = Math.max(most, process.memoryUsage().arrayBuffers);
    }
    const activities = parser.push(Buffer.from('"}}\n'));
    assert.deepEqual(activities, []);
    const { stdout } = readRecording('success');
    const after = parser.push(stdout);
    assert.equal(after.at(-1)?.type, 'result');
    assert.equal(parser.parsed().result, 'Hello.');
    assert.ok(most < 100 * 2 ** 20, `${(most / 2 ** 20).toFixed(0)} MB at most`);
  });

  test('says so for every line it passed over', () => {
    const long = Buffer.concat([Buffer.alloc(17 * 2 ** 20, 'x'), Buffer.from('\n')]);
    const { activities } = readChunks([long, Buffer.concat([long, long])]);
    assert.deepEqual(
      activities,
      Array(3).fill({ type: 'notice', text: 'Skipped a line longer than 16 MiB.' }),
    );
  });

  test('bytes that are no text are notices, and harm nothing', () => {
    const { stdout } = readRecording('success');
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), fc.array(fc.nat(5_000)), (noise, cuts) => {
        const stream = Buffer.concat([noise, Buffer.from('\n'), stdout, noise]);
        const { run } = readChunks(cutAt(stream, cuts));
        assert.equal(run.result, 'Hello.');
        assert.equal(run.conversation, conversation);
      }),
    );
    const { activities } = readChunks([Buffer.from([0xff, 0xfe, 0x00, 0x0a])]);
    assert.deepEqual(activities, [{ type: 'notice', text: '\ufffd\ufffd\0' }]);
  });

  test('any JSON at all is read without an error', () => {
    const kinds = fc.constantFrom('system', 'assistant', 'user', 'result', 'rate_limit_event');
    const line = fc.record({
      type: kinds,
      subtype: fc.jsonValue(),
      message: fc.oneof(fc.jsonValue(), fc.record({ content: fc.jsonValue(), usage: fc.jsonValue() })),
      rate_limit_info: fc.oneof(
        fc.jsonValue(),
        fc.record({ status: fc.constant('rejected'), resetsAt: fc.double() }),
      ),
      result: fc.jsonValue(),
      modelUsage: fc.jsonValue(),
    });
    fc.assert(
      fc.property(fc.array(line), (lines) => {
        for (const activity of readLines(...lines).activities)
          assert.equal(typeof renderActivity(activity), 'string');
      }),
    );
  });
});
