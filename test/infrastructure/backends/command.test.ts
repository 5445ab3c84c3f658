import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { AgentEnd } from '../../../src/application/ports/agent-host.ts';
import type { AgentActivity } from '../../../src/application/ports/backend.ts';
import { isMaosError } from '../../../src/domain/errors.ts';
import { makeCommandBackend } from '../../../src/infrastructure/backends/command.ts';
import { agentRequest } from '../../domain/samples.ts';
import { cutAt } from '../../helpers/backend-contract.ts';
import { fc } from '../../helpers/properties.ts';
import { contextOf, lookupIn } from './launch-context.ts';

const backend = makeCommandBackend();
const at = '2026-01-01T00:00:00.000Z';

/** The parser's result for output in these chunks. */
function read(chunks: Iterable<Uint8Array>) {
  const parser = backend.makeParser();
  const activities: AgentActivity[] = [];
  for (const chunk of chunks) activities.push(...parser.push(chunk));
  activities.push(...parser.end());
  const texts = activities.map((activity) =>
    activity.type === 'text' ? activity.text : assert.fail(activity.type),
  );
  return { texts, run: parser.parsed() };
}

function resultOf(output: string | Uint8Array): string | null {
  return read([Buffer.from(output)]).run.result;
}

function explain(end: AgentEnd, output = '', stderrTail = '') {
  return backend.explain(end, read([Buffer.from(output)]).run, stderrTail);
}

function exited(exitCode: number | null, signal: string | null = null): AgentEnd {
  return { how: 'exited', exitCode, signal, at };
}

suite('the result of a command', () => {
  test('is its last lines, without blank ones around them', () => {
    assert.equal(resultOf('\n  one\ntwo\n\n'), 'one\ntwo');
    assert.equal(resultOf(''), null);
    assert.equal(resultOf(' \n\n'), null);
    const lines = Array.from({ length: 50 }, (_, i) => `line ${i}`);
    assert.equal(resultOf(`${lines.join('\n')}\n`), lines.slice(-20).join('\n'));
  });

  test('is cut before a line, and in a very long line before a character', () => {
    const long = '€'.repeat(60);
    const lines = Array.from({ length: 40 }, () => long).join('\n');
    const result = resultOf(lines) ?? '';
    assert.ok(result.length > 0 && Buffer.byteLength(result) <= 4_096, `${Buffer.byteLength(result)} bytes`);
    assert.ok(result.split('\n').every((line) => line === long));
    // 4096 is not a multiple of three.
    assert.equal(resultOf('€'.repeat(5_000)), '€'.repeat(1_365));
    assert.equal(resultOf(`${'€'.repeat(5_000)}\n`), '€'.repeat(1_365));
    assert.equal(resultOf(`${'x'.repeat(9_000)}\ndone\n`), 'done');
  });

  test('and its text do not depend on how the output is cut', () => {
    const output = fc
      .array(fc.constantFrom('\n', 'a'.repeat(70), '€'.repeat(300), 'b', '😀'), { maxLength: 80 })
      .map((parts) => Buffer.from(parts.join('')));
    fc.assert(
      fc.property(output, fc.array(fc.nat(50_000), { maxLength: 60 }), (stream, cuts) => {
        const whole = read([stream]);
        const cut = read(cutAt(stream, cuts));
        assert.deepEqual(cut.run, whole.run);
        assert.equal(cut.texts.join('\n'), whole.texts.join('\n'));
        assert.equal(whole.texts.join('\n'), stream.toString().replace(/\n$/, ''));
      }),
    );
  });

  test('is text whatever the bytes are', () => {
    const parsed = resultOf(Uint8Array.from({ length: 10_000 }, (_, i) => (i * 7) % 256));
    assert.equal(typeof parsed, 'string');
    assert.ok((parsed?.split('\n').length ?? 0) <= 20);
  });
});

suite('what a command is at', () => {
  test('is its last line, apart from those before it', () => {
    assert.deepEqual(read([Buffer.from('one\ntwo\nthree\n')]).texts, ['one\ntwo', 'three']);
    const parser = backend.makeParser();
    assert.deepEqual(parser.push(Buffer.from('comp')), []);
    assert.deepEqual(parser.push(Buffer.from('iling\n')), [{ type: 'text', text: 'compiling' }]);
  });

  test('a line without end is told in pieces, in bounded memory', () => {
    const parser = backend.makeParser();
    const chunk = Buffer.alloc(10_000, 'x');
    let told = 0;
    let most = 0;
    for (let i = 0; i < 3_000; i += 1) {
      for (const activity of parser.push(chunk)) {
        assert.equal(activity.type, 'text');
        assert.ok('text' in activity && activity.text.length <= 128 * 1024);
        told += 'text' in activity ? activity.text.length : 0;
      }
      most = Math.max(most, process.memoryUsage().arrayBuffers);
    }
    assert.ok(told > 29_900_000, `${told} of 30,000,000 characters told`);
    assert.ok(most < 64 * 2 ** 20, `${(most / 2 ** 20).toFixed(0)} MB at most`);
  });
});

suite('why a command ended', () => {
  test('exit status 0 is success, with or without words', () => {
    assert.deepEqual(explain(exited(0), 'all good\n'), { state: 'completed', result: 'all good' });
    assert.deepEqual(explain(exited(0)), { state: 'completed', result: '' });
  });

  test('any other end is a failure that keeps its last words', () => {
    const cases: readonly [AgentEnd, string, string][] = [
      [exited(2), 'exit_code', 'The command exited with status 2.'],
      [exited(null, 'SIGTERM'), 'signal', 'The command was killed by SIGTERM.'],
      [
        exited(null, 'SIGKILL'),
        'signal',
        'The command was killed by SIGKILL (by hand, or by the system for lack of memory).',
      ],
      [
        { how: 'lost', at },
        'lost',
        'The command ended without a record of its exit. Check its log, then retry.',
      ],
    ];
    for (const [end, kind, message] of cases) {
      assert.deepEqual(explain(end, 'step 1\n', 'disk full'), {
        state: 'failed',
        failure: { kind, message, stderrTail: 'disk full' },
        result: 'step 1',
      });
    }
  });
});

suite('how a command is started', () => {
  test('a line runs in a shell, a list without one', async () => {
    const spec = (command: string | string[]) =>
      backend.prepare(contextOf(agentRequest({ backend: 'command', command })));
    assert.deepEqual(await spec('echo "$HOME" | wc'), {
      program: '/bin/sh',
      args: ['-c', 'echo "$HOME" | wc'],
      env: {},
      stdin: 'prompt',
    });
    assert.deepEqual(await spec(['npm', 'run', 'a b']), {
      program: 'npm',
      args: ['run', 'a b'],
      env: {},
      stdin: 'prompt',
    });
  });

  test('without a command there is nothing to start', async () => {
    const prepare = backend.prepare(contextOf(agentRequest({ backend: 'command', name: 'lint' })));
    await assert.rejects(prepare, (error) => {
      assert.ok(isMaosError(error, 'INVALID_INPUT'), String(error));
      assert.equal(error.message, 'Agent lint has no command to run.');
      return true;
    });
  });

  test('the shell is there', async () => {
    assert.equal(await backend.locate(lookupIn('/nonexistent')), '/bin/sh');
    assert.deepEqual(await backend.probe(), {
      name: 'command',
      ...{ title: 'any program', packageName: null, testedVersion: null },
      available: true,
      path: '/bin/sh',
      version: null,
      signedIn: 'yes',
      remark: null,
      problem: null,
    });
  });
});
