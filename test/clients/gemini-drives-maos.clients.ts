import assert from 'node:assert/strict';
import { before, suite, type TestContext, test } from 'node:test';
import { installGeminiCli } from '../helpers/gemini-cli.ts';
import type { GeminiRequest } from '../helpers/scripted-gemini.ts';
import { type GeminiBench, makeGeminiBench } from './gemini-bench.ts';
import { functionsOf, undocumentedKeywords, withoutGeminis } from './gemini-schema.ts';
import { read, type Script, type ToolAnswer, type ToolCall, waitUntilSettled } from './model-script.ts';
import { adoptedAlive, allowPatient, midWait, patientTeam, releaseAll } from './patient-team.ts';
import { exchange, isWait, passed, progressOf, serverPid, toldTools } from './wire.ts';
import { type Running, readJsonLines } from './workplace.ts';

/** A line of `gemini -o stream-json`. */
interface StreamLine {
  readonly type: string;
  readonly role?: string;
  readonly content?: string;
  readonly tool_name?: string;
  readonly status?: string;
}

const team = {
  objective: 'Check the release.',
  agents: [
    { name: 'lint', role: 'reviewer', task: 'Lint.', backend: 'command', command: 'echo no complaints' },
    {
      name: 'report',
      role: { name: 'herald', description: 'Says how it went.' },
      task: 'Report.',
      backend: 'command',
      command: ['echo', 'ready', 'to', 'release'],
      depends_on: ['lint'],
    },
  ],
};
const allowTeam = { allowCommands: ['echo no complaints', 'echo ready to release'] };

/** Runs Gemini to its end, which must be a good one. @returns what it printed, and the model's last word */
async function runGemini(bench: GeminiBench, script: Script<GeminiRequest>) {
  return outcomeOf(bench.startGemini(script));
}

async function outcomeOf({ ended }: Running): Promise<{ lines: StreamLine[]; lastWord: string }> {
  const { status, stdout, stderr } = await ended;
  assert.equal(status, 0, `${stdout}\n${stderr}`);
  const lines = readJsonLines<StreamLine>(stdout);
  assert.deepEqual([lines.at(-1)?.type, lines.at(-1)?.status], ['result', 'success'], stdout);
  const said = lines.filter(({ role }) => role === 'assistant').map(({ content = '' }) => content);
  return { lines, lastWord: said.join('') };
}

/** Starts a patient team, and comes in the middle of the wait for it. */
async function startWaiting(
  t: TestContext,
): Promise<{ bench: GeminiBench; gemini: Running; answers: ToolAnswer[] }> {
  const bench = await makeGeminiBench(t, { settings: allowPatient });
  const answers: ToolAnswer[] = [];
  const gemini = bench.startGemini(function* () {
    const { session_id } = read(yield ['orchestrate', patientTeam]);
    answers.push(yield ['wait-session', { session_id, timeout_seconds: 280 }]);
    answers.push(yield ['session-status', { session_id }]);
    return 'I have tried it twice.';
  });
  await midWait(bench, gemini);
  return { bench, gemini, answers };
}

// Side by side: one of them lasts a minute, in which the machine has little to do.
suite('Gemini CLI', { concurrency: 4 }, () => {
  before(() => installGeminiCli());

  test('a call may last a minute, and is told of all the while', async (t) => {
    const bench = await makeGeminiBench(t, { settings: allowPatient });
    let [tookMs, waited]: [number, Readonly<Record<string, unknown>>] = [0, {}];
    const { lastWord } = await runGemini(bench, function* () {
      const { session_id } = read(yield ['orchestrate', patientTeam]);
      const since = performance.now();
      waited = read(yield ['wait-session', { session_id, timeout_seconds: 60 }]);
      tookMs = performance.now() - since;
      const { state } = read(yield ['control-session', { session_id, action: 'cancel' }]);
      return `It is ${state} now.`;
    });
    assert.deepEqual([waited.settled, waited.state], [false, 'running']);
    assert.ok(tookMs > 59_000, `${tookMs} ms`);
    assert.equal(lastWord, 'It is cancelled now.');
    const told = progressOf(bench, exchange(bench, isWait).request);
    // At the beginning and every 15 s, on a busy machine a little later.
    assert.ok(told.length >= 3, `${told.length} times`);
    await bench.nothingLeft();
  });

  test('it connects, tells the model of every tool, and runs a team to its results', async (t) => {
    let first: GeminiRequest = { contents: [] };
    const bench = await makeGeminiBench(t, { settings: allowTeam });
    const { lines, lastWord } = await runGemini(bench, function* (request) {
      first = request;
      const started = read(yield ['orchestrate', team]);
      const { state, agents } = yield* waitUntilSettled(started.session_id);
      const outcomes = agents as { agent_id: string; name: string; result?: string }[];
      const results = outcomes.map(({ name, result }) => `${name}: ${result}`).sort();
      const report = outcomes.find(({ name }) => name === 'report');
      const { text } = read(yield ['agent-output', { agent_id: report?.agent_id }]);
      return `The session is ${state}. ${results.join('; ')}. The report: ${text}`;
    });

    await t.test('it asks for 2025-06-18, and is answered with it', () => {
      const { request, answer } = exchange(bench, ({ method }) => method === 'initialize');
      assert.equal(request?.params?.protocolVersion, '2025-06-18');
      assert.equal(answer?.result?.protocolVersion, '2025-06-18');
      const texts = first.contents.flatMap(({ parts }) => parts.map(({ text = '' }) => text));
      assert.ok(texts.join('\n').includes(String(answer?.result?.instructions)));
    });

    await t.test('the model is told of every tool, with its whole schema', () => {
      const told = toldTools(bench);
      assert.ok(told.length > 0);
      const declared = new Map(functionsOf(first).map((declaration) => [declaration.name, declaration]));
      assert.deepEqual([...declared.keys()].sort(), told.map(({ name }) => `mcp_maos_${name}`).sort());
      for (const { name, description, inputSchema } of told) {
        const shown = declared.get(`mcp_maos_${name}`) ?? assert.fail(name);
        assert.equal(shown.description, description);
        assert.deepEqual(withoutGeminis(shown), inputSchema, name);
      }
    });

    await t.test('names and schemas are such as the Gemini API documents', () => {
      for (const { name, parametersJsonSchema } of functionsOf(first)) {
        assert.match(name, /^[a-zA-Z_][a-zA-Z0-9_.-]{0,63}$/);
        assert.deepEqual(undocumentedKeywords(parametersJsonSchema), [], name);
      }
    });

    await t.test('every call came back without error, and the model had the results', () => {
      const called = lines.flatMap(({ tool_name = [] }) => tool_name);
      assert.deepEqual([called.at(0), called.at(-1)], ['mcp_maos_orchestrate', 'mcp_maos_agent-output']);
      const results = lines.filter(({ type }) => type === 'tool_result').map(({ status }) => status);
      assert.deepEqual(
        results,
        called.map(() => 'success'),
      );
      assert.equal(
        lastWord,
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

  test('a wait longer than the timeout of the server fails by itself: the session and the server go on', async (t) => {
    const bench = await makeGeminiBench(t, { settings: allowPatient, server: { timeout: 10_000 } });
    const [cut, after]: [ToolAnswer[], ToolAnswer[]] = [[], []];
    await runGemini(bench, function* () {
      const { session_id } = read(yield ['orchestrate', patientTeam]);
      cut.push(yield ['wait-session', { session_id, timeout_seconds: 280 }]);
      after.push(yield ['session-status', { session_id }]);
      read(yield ['control-session', { session_id, action: 'cancel' }]);
      return 'It would have taken too long.';
    });
    assert.match(cut[0]?.text ?? '', /Request timed out/);
    assert.equal(read(after[0] ?? assert.fail()).state, 'running');
    const sent = passed(bench, 'sent');
    const cancelled = sent.find(({ method }) => method === 'notifications/cancelled');
    assert.equal(cancelled?.params?.requestId, sent.find(isWait)?.id);
    await bench.nothingLeft();
  });

  for (const signal of ['SIGINT', 'SIGTERM', 'SIGKILL'] as const) {
    test(`it ends by ${signal} in the middle of a wait: nothing runs on, and the session can be resumed`, async (t) => {
      const { bench, gemini, answers } = await startWaiting(t);
      gemini.child.kill(signal);
      await gemini.ended;
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

  test('a server killed in the middle of a wait: the next Gemini sees its session go on to the end', async (t) => {
    const { bench, gemini, answers } = await startWaiting(t);
    process.kill(await serverPid(bench), 'SIGKILL');
    await outcomeOf(gemini);
    assert.equal(answers.length, 2);
    assert.match(answers[0]?.text ?? '', /Connection closed/);
    // Gemini starts no server again: only its own next run does.
    assert.match(answers[1]?.text ?? '', /Not connected/);

    let found: Readonly<Record<string, unknown>> = {};
    const { lastWord } = await runGemini(bench, function* () {
      found = read(yield ['session-status', { session_id: 'latest' }]);
      releaseAll(bench);
      const { state, agents } = yield* waitUntilSettled('latest');
      const [agent] = agents as { result?: string }[];
      return `It is ${state}: ${agent?.result}.`;
    });
    assert.equal(found.state, 'running');
    assert.equal(lastWord, 'It is completed: patience pays.');
    await bench.nothingLeft();
    await adoptedAlive(bench);
  });

  test('what is wrong with a call reaches the model: from MAOS with its code and the key, from Gemini in its words', async (t) => {
    const bench = await makeGeminiBench(t, { settings: allowTeam });
    const { objective, agents } = patientTeam;
    const [agent] = agents;
    // Gemini holds arguments against our schemas itself, where they say all; its words name no unknown key.
    const byGemini: readonly (readonly [ToolCall, RegExp])[] = [
      [['orchestrate', { objective, agentz: agents }], /^params must NOT have additional properties/],
      [['orchestrate', { agents }], /^params must have required property 'objective'/],
      [['orchestrate', { objective, agents: [{ role: 'tester' }] }], /must have required property 'task'/],
      [['wait-session', { session_id: 'latest', timeout_seconds: 281 }], /timeout_seconds must be <= 280/],
    ];
    const byMaos: readonly (readonly [ToolCall, RegExp])[] = [
      [
        ['orchestrate', { objective, agents: [{ ...agent, depends: [] }] }],
        /INVALID_INPUT: .*agents\[0\] has an unknown key \\"depends\\"/,
      ],
      [
        ['orchestrate', { objective, agents: [{ ...agent, depends_on: ['nobody'] }] }],
        /INVALID_PLAN: .*nobody/,
      ],
      [['orchestrate', patientTeam], /FORBIDDEN: .*allowCommands/s],
      [['control-session', { session_id: 'nobody', action: 'cancel' }], /SESSION_NOT_FOUND: .*nobody/],
    ];
    const mistakes = [...byGemini, ...byMaos];
    const answers: ToolAnswer[] = [];
    await runGemini(bench, function* () {
      for (const [call] of mistakes) answers.push(yield call);
      return 'I give up.';
    });
    assert.equal(answers.length, mistakes.length);
    for (const [index, [, expected]] of mistakes.entries()) {
      assert.equal(answers[index]?.isError, true);
      assert.match(answers[index]?.text ?? '', expected);
    }
    const asked = passed(bench, 'sent').filter(({ method }) => method === 'tools/call');
    assert.equal(asked.length, byMaos.length);
    await bench.nothingLeft();
  });
});
