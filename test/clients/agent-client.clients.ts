import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  claudeThrough,
  codexThrough,
  geminiThrough,
  opencodeThrough,
  qwenThrough,
  withSettings,
} from './agent-client-drivers.ts';
import { backendCases, makeBackendBench } from './backend-cases.ts';

// What differs from program to program. The rest is the bridge's, and is tried with the one that starts fastest.
backendCases(claudeThrough, ['result', 'tool', 'team server', 'resume', 'cancel', 'adoption']);
// It keeps a conversation from its first answer on: interrupted before, there is none to go on with.
backendCases(geminiThrough, ['result', 'tool', 'team server', 'cancel', 'adoption']);
backendCases(opencodeThrough, ['result', 'tool', 'team server', 'resume', 'cancel', 'adoption']);
// It shows its model no tool of a server unless the model searches for it.
backendCases(qwenThrough, ['result', 'tool', 'resume', 'adoption']);
backendCases(codexThrough, [
  ...(['result', 'tool', 'team server', 'resume', 'cancel', 'adoption'] as const),
  ...(['wrong key', 'unknown model', 'long task', 'hanging start', 'children'] as const),
]);

test('a program that asks its provider for ever without a word is stopped, and why is recorded', async (t) => {
  const driver = withSettings(qwenThrough, { silenceSeconds: 4 });
  const bench = await makeBackendBench(t, driver, { respond: () => ({ refuses: 'rate limit' }) });
  await bench.run('Say hello.').ended;
  const { state, failure } = await bench.agent();
  assert.deepEqual([state, failure?.kind], ['failed', 'stalled'], JSON.stringify(failure));
  assert.match(
    failure?.message ?? '',
    /^qwen said nothing for \d s .*backends\.agentClient\.qwen\.silenceSeconds/,
  );
  assert.ok(bench.asked.length > 1, 'it asked once');
  await bench.nothingLeft();
});

test('what is refused is told to the model, counted and shown', async (t) => {
  const driver = withSettings(claudeThrough, { permissionMode: 'reject' });
  const bench = await makeBackendBench(t, driver, {
    respond: ({ commands }) =>
      commands === 0 ? { command: 'touch made' } : { text: 'I was not allowed to.' },
  });
  await bench.run('Make it.').ended;
  const { state, result, permission_denials: denials } = await bench.agent();
  assert.deepEqual([state, result], ['completed', 'I was not allowed to.']);
  assert.deepEqual([denials?.count, denials?.shown], [1, ['Bash: touch made']]);
  await bench.nothingLeft();
});
