import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
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
import { makeMoment } from './workplace.ts';

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
    settings: { approvals: { expireMinutes: 0 } },
  });
  await bench.run('Make it.').ended;
  const { state, result, permission_denials: denials } = await bench.agent();
  assert.deepEqual([state, result], ['completed', 'I was not allowed to.']);
  assert.deepEqual([denials?.count, denials?.shown], [1, ['Bash: touch made']]);
  await bench.nothingLeft();
});

/** The modes in which they ask before they run a command. */
const asking = {
  claude: withSettings(claudeThrough, { permissionMode: 'acceptEdits' }),
  codex: withSettings(codexThrough, { permissionMode: 'acceptEdits', mode: 'auto' }),
  gemini: withSettings(geminiThrough, { permissionMode: 'acceptEdits' }),
};
const decisions = [
  ['approve', true, asking.claude],
  ['approve', true, asking.codex],
  ['approve', true, asking.gemini],
  ['deny', false, asking.claude],
  ['deny', false, asking.codex],
  ['deny', false, asking.gemini],
] as const;
/** Codex asks for what its model wants to run outside of its sandbox. */
const outside = {
  cmd: 'touch made',
  sandbox_permissions: 'require_escalated',
  justification: 'It is needed.',
};
for (const [command, isAllowed, driver] of decisions) {
  test(`${driver.name} asks before it runs a command, and a person at another terminal can ${command} it`, async (t) => {
    const isCodex = driver === asking.codex;
    const working = makeMoment('the first request');
    const bench = await makeBackendBench(t, driver, {
      respond({ commands }) {
        working.arrive();
        if (commands > 0) return { text: 'That was it.' };
        return isCodex ? { calls: 'exec_command', arguments: outside } : { command: 'touch made' };
      },
    });
    const run = bench.run('Make it.');
    await working.came;
    const asked = await bench.maos('requests', '--wait', '--timeout', '120', '--json');
    const [request] = JSON.parse(asked.stdout).requests;
    assert.equal(request?.action, 'touch made', asked.stdout);
    assert.ok(!existsSync(join(bench.project, 'made')));
    const answered = await bench.maos(command, request.request_id);
    assert.equal(answered.status, 0, answered.stderr);
    await run.ended;
    const { state, failure, result } = await bench.agent();
    assert.equal(existsSync(join(bench.project, 'made')), isAllowed);
    if (isCodex && !isAllowed) assert.match(failure?.message ?? '', /refused a permission \(.*touch made/);
    else assert.deepEqual([state, result], ['completed', 'That was it.']);
    await bench.nothingLeft();
  });
}

for (const driver of [claudeThrough, codexThrough, geminiThrough, opencodeThrough, qwenThrough]) {
  test(`${driver.name} takes a message that came while it worked, when its turn ends`, async (t) => {
    const working = makeMoment('the first request');
    const sent = makeMoment('the message');
    const bench = await makeBackendBench(t, driver, {
      async respond({ text }) {
        working.arrive();
        await sent.came;
        return { text: text.includes('Use port 8081.') ? 'On port 8081.' : 'Done.' };
      },
    });
    const run = bench.run('Serve it.');
    await working.came;
    const { status, stderr } = await bench.maos('message', 'send', 'latest', 'analyst', 'Use port 8081.');
    assert.equal(status, 0, stderr);
    sent.arrive();
    await run.ended;
    const { state, result, attempt } = await bench.agent();
    assert.deepEqual([state, result, attempt], ['completed', 'On port 8081.', 1]);
    const { stdout } = await bench.maos('message', 'list', 'latest', '--json');
    assert.deepEqual(
      JSON.parse(stdout).messages.map((message: { state: string }) => message.state),
      ['delivered'],
    );
    await bench.nothingLeft();
  });
}
