import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { it, type TestContext } from 'node:test';
import type { BridgeOptions } from '../../../src/infrastructure/backends/agent-client/bridge-options.ts';
import { openBridge, sdkAgent, startBridge } from '../../helpers/bridge.ts';
import { until } from '../../helpers/waiting.ts';

async function bridged(t: TestContext, habits: readonly string[], options: Partial<BridgeOptions> = {}) {
  const bridge = startBridge(t, habits, options);
  const done = await bridge.done;
  const { verdict } = done.run;
  return { ...done, verdict, notices: notices(done.activities), lines: bridge.lines() };
}

function notices(
  activities: readonly { readonly type: string; readonly text?: string }[],
): readonly string[] {
  return activities.flatMap(({ type, text }) => (type === 'notice' ? [text ?? ''] : []));
}

function isThere(pid: number): boolean {
  try {
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}

it('gives the prompt to the program, and what that does to MAOS', async (t) => {
  const { status, run, activities, verdict } = await bridged(t, ['resumes']);
  assert.equal(status, 0);
  assert.deepEqual(verdict, { ok: true, kind: null, message: 'All is done.', retryAt: null });
  assert.equal(run.result, 'All is done.');
  assert.equal(run.conversation, 'conv-1');
  assert.equal(run.turns, 2);
  const tokens = { inputTokens: 7, outputTokens: 5, cacheReadTokens: 3, cacheWriteTokens: 0 };
  assert.deepEqual(run.usage, { ...tokens, turns: 2, costUsd: 0.5 });
  assert.deepEqual(activities, [
    { type: 'received', entry: 'prompt' },
    { type: 'notice', text: 'Plan, 0 of 1 done: Look' },
    { type: 'text', text: 'I will look.' },
    { type: 'tool_use', tool: 'execute', detail: 'ls -la' },
    { type: 'tool_result', ok: true, text: 'a file' },
    { type: 'text', text: 'All is done.' },
    { type: 'result', ok: true, text: 'All is done.' },
  ]);
});

it('takes a line that is no message for a remark', async (t) => {
  const { run, notices } = await bridged(t, ['noise', 'text-ids', 'stray']);
  assert.equal(run.result, 'All is done.');
  for (const line of ['Loading the model …', '42', '[]', '{"a":1}', '{"id":7', '\u0000\u001b[1mbold']) {
    assert.ok(notices.includes(line), line);
  }
  assert.ok(notices.includes('Ignored an answer to no request (id 999).'));
});

it('counts the first of two results', async (t) => {
  const { run, status } = await bridged(t, ['twice']);
  assert.equal(run.result, 'All is done.');
  assert.equal(status, 0);
});

it('goes on without a message that is too long for its memory', async (t) => {
  const { run, notices } = await bridged(t, ['huge']);
  assert.equal(run.result, 'All is done.');
  assert.ok(notices.includes('Skipped a message longer than 32 MiB.'));
});

const granted: [mode: BridgeOptions['permissionMode'], answers: string, refused: readonly string[]][] = [
  ['acceptEdits', 'edit once\nexecute no\nundefined no', ['execute: Do execute', 'tool: Do undefined']],
  ['allow', 'edit once\nexecute once\nundefined once', []],
  [
    'reject',
    'edit no\nexecute no\nundefined no',
    ['edit: Do edit', 'execute: Do execute', 'tool: Do undefined'],
  ],
];
for (const [permissionMode, answers, refused] of granted) {
  it(`answers for the user, with the permission mode ${permissionMode}`, async (t) => {
    const { run, notices, activities } = await bridged(t, ['asks'], { permissionMode });
    const said = activities.flatMap((one) => (one.type === 'text' ? [one.text] : []));
    assert.ok(said.join('\n').includes(answers), said.join('\n'));
    assert.ok(said.includes('craft -32601'), 'a request that MAOS does not know');
    assert.deepEqual(run.denials?.shown ?? [], refused);
    for (const what of refused) assert.ok(notices.includes(`Permission refused: ${what}`), what);
    assert.equal(
      notices.filter((text) => text.startsWith('Permission granted (once)')).length,
      3 - refused.length,
    );
  });
}

function fileToMake(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'maos-bridge-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return join(folder, 'made');
}

for (const [isAllowed, answered, notice] of [
  [true, 'once', 'Permission granted (once)'],
  [false, 'no', 'Permission refused'],
] as const) {
  it(`asks MAOS for what the settings do not grant, and passes on that it is ${isAllowed ? 'allowed' : 'denied'}`, async (t) => {
    const file = fileToMake(t);
    const bridge = openBridge(t, [`wants=${file}`]);
    await bridge.printed('"asked"');
    bridge.answer('no such key', !isAllowed);
    bridge.answer('1', isAllowed);
    bridge.answer('1', !isAllowed);
    await bridge.printed('"end"');
    bridge.close();
    const { run, activities } = await bridge.done;
    const subject = { tool: 'execute', action: `touch ${file}`, reason: `Make ${file}`, input: null };
    assert.deepEqual(
      activities.filter(({ type }) => type === 'permission'),
      [{ type: 'permission', key: '1', ...subject }],
    );
    assert.ok(notices(activities).includes(`${notice}: execute: Make ${file}`));
    assert.equal(existsSync(file), isAllowed);
    assert.ok(activities.some((one) => one.type === 'text' && one.text === `It was ${answered}.`));
    assert.equal(run.denials?.count ?? 0, isAllowed ? 0 : 1);
    assert.equal(run.result, 'All is done.');
  });
}

it('grants the tools of the team, as Gemini CLI names them, and nothing that only resembles them', async (t) => {
  const file = fileToMake(t);
  const teamServer = { command: '/bin/false', args: [], env: {}, passes: [] };
  const title = 'title=report (maos-team MCP Server)';
  const granted = await bridged(t, [`wants=${file}`, 'kind=other', title], { teamServer });
  assert.ok(granted.notices.some((text) => text.startsWith('Permission granted (once)')));
  for (const habits of [
    ['kind=execute', title],
    ['kind=other', 'title=rm -rf / report (maos-team MCP Server)'],
    ['kind=other', 'title=report (other MCP Server)'],
  ]) {
    const { activities } = await bridged(t, [`wants=${file}`, ...habits], { teamServer });
    assert.ok(activities.some((one) => one.type === 'text' && one.text === 'It was no.'));
  }
  const without = await bridged(t, [`wants=${file}`, 'kind=other', title]);
  assert.equal(without.run.denials?.count, 1);
});

it('denies what it asks when no answer can come, and cancels it where the program offers no refusal', async (t) => {
  const file = fileToMake(t);
  const bridge = openBridge(t, [`wants=${file}`]);
  await bridge.printed('"asked"');
  bridge.close();
  const { activities } = await bridge.done;
  assert.ok(activities.some((one) => one.type === 'text' && one.text === 'It was no.'));
  const bare = await bridged(t, [`wants=${file}`, 'bare']);
  assert.ok(bare.activities.some((one) => one.type === 'text' && one.text === 'It was cancelled.'));
  assert.ok(!existsSync(file));
});

it('no longer asks when the program withdraws its request, or is to end its turn', async (t) => {
  const file = fileToMake(t);
  const regretting = openBridge(t, [`wants=${file}`, 'regrets']);
  await regretting.printed('"end"');
  regretting.close();
  const stopped = openBridge(t, [`wants=${file}`]);
  await stopped.printed('"asked"');
  stopped.process.kill('SIGTERM');
  for (const { activities } of [await regretting.done, await stopped.done]) {
    assert.deepEqual(
      activities.flatMap((one) => (one.type === 'permission_withdrawn' ? [one.key] : [])),
      ['1'],
    );
    assert.ok(activities.some((one) => one.type === 'text' && one.text === 'It was cancelled.'));
  }
  assert.ok(!existsSync(file));
});

it('begins another turn with the texts that came during the last one, and shows that they arrived', async (t) => {
  const gate = fileToMake(t);
  const bridge = openBridge(t, ['resumes', 'echo', `until=${gate}`]);
  await bridge.printed('Waiting.');
  bridge.text('msg_1', 'First.');
  bridge.text('msg_2', 'Second.');
  writeFileSync(gate, '');
  await bridge.printed('msg_2');
  bridge.text('msg_3', 'Third.');
  bridge.close();
  const { run, status, activities } = await bridge.done;
  assert.deepEqual([status, run.result], [0, 'Waiting.\nThird.']);
  const results = activities.flatMap((one) => (one.type === 'result' ? [one.text] : []));
  assert.match(results[0] ?? '', /<\/instructions>\n\nDo it\.$/);
  assert.deepEqual(results.slice(1), ['Waiting.\nFirst.\n\nSecond.', 'Waiting.\nThird.']);
  const received = activities.flatMap((one) => (one.type === 'received' ? [one.entry] : []));
  assert.deepEqual(received, ['prompt', 'msg_1', 'msg_2', 'msg_3']);
  assert.deepEqual([run.usage?.inputTokens, run.usage?.outputTokens], [21, 15]);
});

it('ends after its turn when its program is gone, whatever comes', async (t) => {
  const bridge = openBridge(t, ['leaves']);
  const { run, status } = await bridge.done;
  assert.deepEqual([status, run.result], [0, 'All is done.']);
});

const ends: [
  name: string,
  habits: readonly string[],
  options: Partial<BridgeOptions>,
  kind: string | null,
  message: RegExp,
][] = [
  [
    'hangs at its start',
    ['hang', 'complains'],
    { startMs: 1_000 },
    'stalled',
    /^invented did not answer within \d s of its start/,
  ],
  [
    'never answers',
    ['silent'],
    { silenceMs: 1_000 },
    'stalled',
    /^invented said nothing for \d s while no tool/,
  ],
  ['dies', ['crash'], {}, null, /^invented exited with status 3 before it ended its turn\.$/],
  ['is killed', ['killed'], {}, null, /^invented was killed by SIGKILL before it ended its turn\.$/],
  ['ends in half a line', ['half'], {}, null, /^invented exited with status 0 before it ended its turn\.$/],
  [
    'cannot be started',
    [],
    { program: '/no/such/program' },
    'spawn_failed',
    /^invented could not be started: .*ENOENT/,
  ],
  [
    'speaks another version',
    ['version=2'],
    {},
    'spawn_failed',
    /^invented speaks version 2 of the Agent Client Protocol/,
  ],
  [
    'is not signed in',
    ['auth'],
    {},
    'auth_required',
    /^invented is not signed in \(Authentication required\)\. For .*authMethod it offers key\./,
  ],
  ['does nothing', ['idle'], {}, null, /^invented ended its turn without any text or tool call/],
  ['refuses', ['stop=refusal'], {}, 'refused', /refused the task/],
  ['runs out of tokens', ['stop=max_tokens'], {}, 'context_exceeded', /largest number of tokens/],
  ['runs out of requests', ['stop=max_turn_requests'], {}, 'budget_exceeded', /largest number of requests/],
  ['cancels itself', ['stop=cancelled'], {}, 'signal', /was cancelled before it finished/],
  ['stops for a new reason', ['stop=boredom'], {}, null, /the reason "boredom"/],
  [
    'is rate limited',
    ['error={"status":429}'],
    {},
    'rate_limited',
    /^invented: Internal error \{"status":429\}/,
  ],
  ['has a wrong key', ['error="401 Unauthorized"'], {}, 'auth_required', /401 Unauthorized/],
  [
    'has a wrong key in other words',
    ['error={"code":400,"message":"API key not valid. Please pass a valid API key."}'],
    {},
    'auth_required',
    /API key not valid/,
  ],
  ['fails for another reason', ['error'], {}, null, /^invented: Internal error/],
  [
    'has no such model',
    ['models'],
    { model: 'huge' },
    'model_unavailable',
    /offers no model "huge". It offers small, large\./,
  ],
  [
    'lets no model be chosen',
    [],
    { model: 'large' },
    'model_unavailable',
    /does not let its client choose the model/,
  ],
  ['has no such mode', ['modes'], { mode: 'plan' }, null, /offers no mode "plan". It offers ask, code\./],
];
for (const [name, habits, options, kind, message] of ends) {
  it(`has its own word for a program that ${name}`, async (t) => {
    const { status, run, verdict, stderr } = await bridged(t, habits, options);
    assert.equal(status, 1);
    assert.equal(run.result, null);
    assert.equal(verdict?.ok, false);
    assert.equal(verdict?.kind, kind, verdict?.message);
    assert.match(verdict?.message ?? '', message);
    if (habits.includes('complains')) assert.match(stderr, /last complaint\n$/);
  });
}

it('signs in by the method of the settings, and only where that is demanded', async (t) => {
  assert.equal((await bridged(t, ['auth'], { authMethod: 'key' })).run.result, 'All is done.');
  const { lines } = await bridged(t, [], { authMethod: 'key' });
  assert.ok(!JSON.stringify(lines).includes('authenticate'));
});

it('sets mode and model, by id or by name', async (t) => {
  const { run } = await bridged(t, ['modes', 'models'], { mode: 'Write code', model: 'The large one' });
  assert.equal(run.result, 'All is done. code model=large');
  const { run: same } = await bridged(t, ['modes', 'models'], { mode: 'ask', model: 'small' });
  assert.equal(same.result, 'All is done.');
});

it('gives the role as a system prompt where the program takes one, else marked in the prompt', async (t) => {
  assert.equal((await bridged(t, ['briefed'])).run.result, 'All is done. Be brief.');
  const { run } = await bridged(t, ['echo']);
  assert.match(run.result ?? '', /^<instructions>\n.*\n\nBe brief\.\n<\/instructions>\n\nDo it\.$/s);
});

for (const habit of ['loads', 'resumes']) {
  it(`goes on with a conversation where the program ${habit} it, and tells nothing of it again`, async (t) => {
    const { run, activities } = await bridged(t, [habit, 'echo'], { resume: 'conv-7' });
    assert.equal(run.conversation, 'conv-7');
    assert.equal(run.result, 'Do it.');
    assert.ok(!JSON.stringify(activities).includes('long ago'));
  });
}

it('says that a conversation is gone that the program does not know, or cannot go on with', async (t) => {
  const { verdict: forgotten } = await bridged(t, ['loads', 'forgets'], { resume: 'conv-7' });
  assert.equal(forgotten?.isConversationGone, true);
  assert.match(forgotten?.message ?? '', /Resource not found/);
  const { verdict, run, notices } = await bridged(t, [], { resume: 'conv-7' });
  assert.equal(verdict?.isConversationGone, true);
  assert.equal(run.conversation, null);
  assert.match(notices.join(), /cannot resume conversations/);
});

it('asks the program to end its turn before it ends it', async (t) => {
  const bridge = startBridge(t, ['waits', 'resumes']);
  await bridge.printed('in_progress');
  bridge.process.kill('SIGTERM');
  const { status, run, activities } = await bridge.done;
  assert.equal(status, 1);
  assert.equal(run.verdict?.kind, 'signal');
  assert.match(run.verdict?.message ?? '', /before it finished/);
  assert.equal(run.conversation, 'conv-1');
  assert.ok(activities.some((one) => one.type === 'text' && one.text === 'Stopped as asked.'));
});

it('ends a program that ignores requests and signals, with the children it leaves behind', async (t) => {
  const bridge = startBridge(t, ['stubborn', 'children', 'waits']);
  await bridge.printed('in_progress');
  const child = Number(/child (\d+)/.exec(JSON.stringify(bridge.lines()))?.[1]);
  assert.ok(isThere(child));
  bridge.process.kill('SIGTERM');
  const { run } = await bridge.done;
  assert.equal(run.verdict?.kind, 'signal');
  await until(() => !isThere(child), 'the end of the child');
});

it('ends what a program that is done leaves running', async (t) => {
  const { run, lines } = await bridged(t, ['children']);
  assert.equal(run.result, 'All is done.');
  const child = Number(/child (\d+)/.exec(JSON.stringify(lines))?.[1]);
  assert.ok(child > 0 && !isThere(child));
});

for (const resume of [null, 'kept']) {
  it(`says nothing that the official SDK refuses, ${resume === null ? 'in a new conversation' : 'resuming one'}`, async (t) => {
    const { run, verdict, stderr } = await bridged(t, [], { args: [sdkAgent], resume, mode: 'code' });
    assert.equal(run.result, `${resume ?? 'made'}: yes`, `${verdict?.message}\n${stderr}`);
  });
}
