import assert from 'node:assert/strict';
import { suite, type TestContext, test } from 'node:test';
import type { OpenAiTool } from '../helpers/scripted-openai.ts';
import { approved, callsIn, makeCodexBench, runCodex } from './codex-bench.ts';
import { read, type ToolAnswer, type ToolCall, waitUntilSettled } from './model-script.ts';
import { allowPatient, midWait, patientTeam, releaseAll } from './patient-team.ts';
import { exchange, isWait, passed, progressOf, serverPid, tapped } from './wire.ts';
import { maosProgram, readJsonLines, type Workplace } from './workplace.ts';

/** A tool as the server tells the client of it. */
interface Told {
  readonly name: string;
  readonly description: string;
  readonly inputSchema: ArgumentsSchema;
}
interface ArgumentsSchema {
  readonly properties: Readonly<Record<string, unknown>>;
  readonly required?: readonly string[];
}

const team = {
  objective: 'Check the release.',
  agents: [
    { name: 'lint', role: 'reviewer', task: 'Lint.', backend: 'command', command: 'echo no complaints' },
    {
      name: 'report',
      role: 'documenter',
      task: 'Report.',
      backend: 'command',
      command: ['echo', 'ready', 'to', 'release'],
      depends_on: ['lint'],
    },
  ],
};
const allowTeam = { allowCommands: ['echo no complaints', 'echo ready to release'] };

type Answer = Readonly<Record<string, unknown>>;

/** MAOS behind the tap. */
const onTheWire = (workplace: Workplace) => ({ args: tapped(workplace) });

/** Starts a patient team, and comes in the middle of the wait for it. */
async function startWaiting(t: TestContext) {
  const bench = await makeCodexBench(t, { settings: allowPatient, server: onTheWire });
  const answers: ToolAnswer[] = [];
  const codex = bench.startCodex(function* () {
    const { session_id } = read(yield ['orchestrate', patientTeam]);
    answers.push(yield ['wait-session', { session_id, timeout_seconds: 280 }]);
    answers.push(yield ['session-status', { session_id }]);
    return 'I have tried it twice.';
  });
  await midWait(bench, codex);
  return { bench, codex, answers };
}

// Side by side: one of them lasts a minute, in which the machine has little to do.
suite('Codex', { concurrency: 4 }, () => {
  test('a call may last a minute, with no timeout set for the server', async (t) => {
    const bench = await makeCodexBench(t, { settings: allowPatient, server: onTheWire });
    let [tookMs, waited]: [number, Answer] = [0, {}];
    const items = await runCodex(bench, function* () {
      const { session_id } = read(yield ['orchestrate', patientTeam]);
      const since = performance.now();
      waited = read(yield ['wait-session', { session_id, timeout_seconds: 60 }]);
      tookMs = performance.now() - since;
      const { state } = read(yield ['control-session', { session_id, action: 'cancel' }]);
      return `It is ${state} now.`;
    });
    assert.deepEqual([waited.settled, waited.state], [false, 'running']);
    assert.ok(tookMs > 59_000, `${tookMs} ms`);
    assert.equal(items.at(-1)?.text, 'It is cancelled now.');
    const told = progressOf(bench, exchange(bench, isWait).request);
    // At the beginning and every 15 s, on a busy machine a little later.
    assert.ok(told.length >= 3, `${told.length} times`);
    await bench.nothingLeft();
  });

  test('it connects, tells the model of every tool, and runs a team to its results', async (t) => {
    let offered: readonly OpenAiTool[] = [];
    const bench = await makeCodexBench(t, { settings: allowTeam, server: onTheWire });
    const items = await runCodex(bench, function* ({ tools }) {
      offered = tools;
      const started = read(yield ['orchestrate', team]);
      const { state, agents } = yield* waitUntilSettled(started.session_id);
      const outcomes = agents as { agent_id: string; name: string; result?: string }[];
      const results = outcomes.map(({ name, result }) => `${name}: ${result}`).sort();
      const report = outcomes.find(({ name }) => name === 'report');
      const { text } = read(yield ['agent-output', { agent_id: report?.agent_id }]);
      return `The session is ${state}. ${results.join('; ')}. The report: ${text}`;
    });
    const { request, answer } = exchange(bench, ({ method }) => method === 'initialize');

    await t.test('it asks for 2025-06-18, and is answered with it', () => {
      assert.equal(request?.params?.protocolVersion, '2025-06-18');
      assert.equal(answer?.result?.protocolVersion, '2025-06-18');
    });

    await t.test('the tools are a namespace, described by our instructions, with all arguments', () => {
      const namespace = offered.find(({ name }) => name === 'mcp__maos');
      assert.equal(namespace?.type, 'namespace');
      assert.equal(namespace?.description, answer?.result?.instructions);
      const list = exchange(bench, ({ method }) => method === 'tools/list').answer;
      const told = list?.result?.tools as readonly Told[];
      const functions = new Map(namespace?.tools?.map((tool) => [tool.name, tool]));
      const names = told.map(({ name }) => name.replaceAll('-', '_'));
      assert.deepEqual([...functions.keys()].sort(), names.sort());
      for (const { name, description, inputSchema } of told) {
        const shown = functions.get(name.replaceAll('-', '_')) ?? assert.fail(name);
        assert.equal(shown.description, description);
        const { properties, required = [] } = shown.parameters as unknown as ArgumentsSchema;
        assert.deepEqual(Object.keys(properties).sort(), Object.keys(inputSchema.properties).sort(), name);
        assert.deepEqual(required, inputSchema.required ?? [], name);
      }
    });

    await t.test('every call came back without error, and the model had the results', () => {
      const calls = callsIn(items);
      assert.deepEqual([calls.at(0)?.tool, calls.at(-1)?.tool], ['orchestrate', 'agent-output']);
      for (const { tool = '', status } of calls) assert.equal(status, 'completed', tool);
      assert.equal(
        items.at(-1)?.text,
        'The session is completed. lint: no complaints; report: ready to release. The report: ready to release\n',
      );
    });

    await t.test('MAOS has it on record, and nothing is left running', async () => {
      await bench.nothingLeft();
      const { state, agents } = await bench.status();
      assert.equal(state, 'completed');
      assert.deepEqual(
        agents.map(({ name, state, attempt }) => [name, state, attempt]),
        [
          ['lint', 'completed', 1],
          ['report', 'completed', 1],
        ],
      );
    });
  });

  test('it waits for a server that is slow to start, when the server is required', async (t) => {
    const slowly = ['-c', 'sleep 3; exec "$@"', 'slowly', process.execPath, maosProgram, 'serve'];
    const bench = await makeCodexBench(t, { server: () => ({ command: '/bin/sh', args: slowly }) });
    const items = await runCodex(bench, function* () {
      return `There are ${read(yield ['list-sessions', {}]).summary}`;
    });
    assert.equal(items.at(-1)?.text, 'There are 0 sessions, newest first.');
  });

  test('a wait longer than tool_timeout_sec fails by itself: the session and the server go on', async (t) => {
    const bench = await makeCodexBench(t, {
      settings: allowPatient,
      server: (place) => ({ ...onTheWire(place), tool_timeout_sec: 10 }),
    });
    let [cut, after]: [ToolAnswer, Answer] = [{ text: '', isError: false }, {}];
    await runCodex(bench, function* () {
      const { session_id } = read(yield ['orchestrate', patientTeam]);
      cut = yield ['wait-session', { session_id, timeout_seconds: 280 }];
      after = read(yield ['session-status', { session_id }]);
      read(yield ['control-session', { session_id, action: 'cancel' }]);
      return 'It would have taken too long.';
    });
    assert.match(cut.text, /timed out awaiting tools\/call after 10/);
    assert.equal(after.state, 'running');
    const cancelled = passed(bench, 'sent').find(({ method }) => method === 'notifications/cancelled');
    assert.equal(cancelled?.params?.requestId, exchange(bench, isWait).request?.id);
    await bench.nothingLeft();
  });

  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    test(`it ends by ${signal} in the middle of a wait: nothing runs on, and the session can be resumed`, async (t) => {
      const { bench, codex, answers } = await startWaiting(t);
      codex.child.kill(signal);
      await codex.ended;
      await bench.nothingLeft();
      assert.deepEqual(answers, [], 'the wait came to an end before the signal');
      const { state, pause_reason, agents } = await bench.status();
      assert.deepEqual([state, pause_reason], ['paused', 'interrupted']);
      assert.deepEqual(
        agents.map(({ state, attempt }) => [state, attempt]),
        [['resumable', 1]],
      );
    });
  }

  test('a server killed in the middle of a wait: the next Codex sees its session go on to the end', async (t) => {
    const { bench, codex, answers } = await startWaiting(t);
    process.kill(await serverPid(bench), 'SIGKILL');
    const { status, stdout } = await codex.ended;
    assert.equal(status, 0, stdout);
    assert.equal(answers.length, 2);
    // Codex starts no server again: only its own next run does.
    for (const { text } of answers) assert.match(text, /Transport closed/);

    let found: Answer = {};
    const items = await runCodex(bench, function* () {
      found = read(yield ['session-status', { session_id: 'latest' }]);
      releaseAll(bench);
      const { state, agents } = yield* waitUntilSettled('latest');
      const [agent] = agents as { result?: string }[];
      return `It is ${state}: ${agent?.result}.`;
    });
    assert.equal(found.state, 'running');
    assert.equal(items.at(-1)?.text, 'It is completed: patience pays.');
    await bench.nothingLeft();
    const events = readJsonLines((await bench.maos('events', 'latest', '--json')).stdout);
    const taken = events.find(({ type }) => type === 'session.taken_over');
    assert.deepEqual(taken?.data.running, ['tester'], 'the agent was adopted, alive');
    assert.equal(events.filter(({ type }) => type === 'agent.started').length, 1);
  });

  test('what MAOS refuses reaches the model, with its code and what was wrong', async (t) => {
    const bench = await makeCodexBench(t, { settings: allowTeam });
    const { objective, agents } = patientTeam;
    const mistakes: readonly (readonly [ToolCall, RegExp])[] = [
      [['orchestrate', { objective, agentz: agents }], /^INVALID_INPUT: .*unknown key "agentz"/],
      [['orchestrate', { agents }], /^INVALID_INPUT: .*objective/],
      [['orchestrate', { objective, agents: [{ role: 'tester' }] }], /^INVALID_INPUT: .*task/],
      [['orchestrate', patientTeam], /^FORBIDDEN: .*allowCommands/s],
      [['wait-session', { session_id: 'latest', timeout_seconds: 281 }], /^INVALID_INPUT: .*timeout_seconds/],
      [['control-session', { session_id: 'nobody', action: 'cancel' }], /^SESSION_NOT_FOUND: .*nobody/],
    ];
    const answers: ToolAnswer[] = [];
    const items = await runCodex(bench, function* () {
      for (const [call] of mistakes) answers.push(yield call);
      return 'I give up.';
    });
    assert.equal(answers.length, mistakes.length);
    for (const [index, [, expected]] of mistakes.entries())
      assert.match(answers[index]?.text ?? '', expected);
    for (const { tool = '', status } of callsIn(items)) assert.equal(status, 'failed', tool);
    await bench.nothingLeft();
  });

  const changing = ['control_session', 'land_session', 'orchestrate', 'respond', 'send_message'];
  const perTool = {
    orchestrate: { approval_mode: 'approve' },
    'control-session': { approval_mode: 'approve' },
    'send-message': { approval_mode: 'approve' },
    respond: { approval_mode: 'approve' },
    'land-session': { approval_mode: 'approve' },
  } as const;
  for (const [setting, server, expected] of [
    ['nothing set', { default_tools_approval_mode: undefined }, changing],
    ['default_tools_approval_mode = "approve"', approved, []],
    ['these tools approved by name', { default_tools_approval_mode: undefined, tools: perTool }, []],
  ] as const) {
    test(`with ${setting}, codex exec refuses ${expected.join(' and ') || 'no tool'}`, async (t) => {
      const bench = await makeCodexBench(t, { server: () => server });
      const [asked, refused]: [string[], string[]] = [[], []];
      await runCodex(bench, function* ({ tools }) {
        for (const { name = '' } of tools.find(({ name }) => name === 'mcp__maos')?.tools ?? []) {
          asked.push(name);
          // Without arguments MAOS itself refuses most of them, in words of its own.
          if (/MCP tool call requires approval/.test((yield [name, {}]).text)) refused.push(name);
        }
        return 'I have tried all of them.';
      });
      for (const name of changing)
        assert.ok(asked.includes(name), `${name} is not among ${asked.join(', ')}`);
      assert.deepEqual(refused.sort(), expected);
      await bench.nothingLeft();
    });
  }
});
