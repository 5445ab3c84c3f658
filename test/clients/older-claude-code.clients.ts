import assert from 'node:assert/strict';
import { before, suite, test } from 'node:test';
import { installClaudeCode, OLDER_CLAUDE_CODE_VERSION } from '../helpers/claude-code.ts';
import type { ModelRequest } from '../helpers/scripted-model.ts';
import { lastWordOf, makeScriptedClaude, registerUrl } from './claude-script.ts';
import { passedOverHttp, serveHttp } from './http-bench.ts';
import { read, type ToolAnswer, waitUntilSettled } from './model-script.ts';
import { adoptedAlive, allowPatient, midWait, patientTeam, releaseAll } from './patient-team.ts';
import { exchange, passed, serverPid, toldTools } from './wire.ts';

const claudeVersion = OLDER_CLAUDE_CODE_VERSION;

suite(`Claude Code ${claudeVersion}`, { concurrency: 2 }, () => {
  before(() => installClaudeCode({ version: claudeVersion }));

  test('over HTTP it speaks 2025-11-25 too, and runs a team to its results', async (t) => {
    const bench = await makeScriptedClaude(t, { claudeVersion, settings: allowPatient }, async (bench) => {
      const { url, token } = await serveHttp(bench);
      await registerUrl(bench, 'http', `${url}/mcp`, `Authorization: Bearer ${token}`);
    });
    const claude = bench.startScript(function* () {
      const { session_id } = read(yield ['orchestrate', patientTeam]);
      releaseAll(bench);
      const { state } = yield* waitUntilSettled(session_id);
      return `It is ${state}.`;
    });
    assert.equal(await lastWordOf(claude), 'It is completed.');
    const [first] = passedOverHttp(bench, 'sent');
    assert.deepEqual([first?.method, first?.params?.protocolVersion], ['initialize', '2025-11-25']);
  });

  test('it connects, tells the model of every tool, and runs a team to its results', async (t) => {
    const bench = await makeScriptedClaude(t, { claudeVersion, settings: allowPatient });
    const { stdout } = await bench.claude(['mcp', 'list']);
    assert.match(stdout, /^maos: .*bin\/maos\.js serve - .*Connected$/m);

    let first: ModelRequest | undefined;
    const claude = bench.startScript(function* (request) {
      first = request;
      const { session_id } = read(yield ['orchestrate', patientTeam]);
      releaseAll(bench);
      const { state, agents } = yield* waitUntilSettled(session_id);
      const [agent] = agents as { agent_id: string; result?: string }[];
      const { text } = read(yield ['agent-output', { agent_id: agent?.agent_id }]);
      return `It is ${state}: ${agent?.result}. All it said: ${text}`;
    });
    assert.equal(await lastWordOf(claude), 'It is completed: patience pays. All it said: patience pays\n');

    // It knows nothing of the newer way to begin.
    const methods = passed(bench, 'sent').map(({ method }) => method);
    assert.equal(methods[0], 'initialize', methods.join(', '));
    const { request, answer } = exchange(bench, ({ method }) => method === 'initialize');
    assert.equal(request?.params?.protocolVersion, '2025-11-25');
    assert.equal(answer?.result?.protocolVersion, '2025-11-25');
    const told = toldTools(bench);
    assert.ok(told.length > 0);
    for (const { name, description, inputSchema } of told) {
      const shown = first?.tools.find((tool) => tool.name === `mcp__maos__${name}`);
      // It writes out what some of its models cannot read.
      const readable = JSON.parse(JSON.stringify({ description, inputSchema }).replaceAll('…', '...'));
      assert.deepEqual({ description: shown?.description, inputSchema: shown?.input_schema }, readable, name);
    }
    await bench.nothingLeft();
    assert.equal((await bench.status()).state, 'completed');
  });

  test('a server killed in the middle of a wait: its next run sees the session go on to the end', async (t) => {
    const bench = await makeScriptedClaude(t, { claudeVersion, settings: allowPatient });
    const failures: ToolAnswer[] = [];
    const first = bench.startScript(function* () {
      const { session_id } = read(yield ['orchestrate', patientTeam]);
      failures.push(yield ['wait-session', { session_id, timeout_seconds: 280 }]);
      failures.push(yield ['session-status', { session_id }]);
      return 'MAOS is gone.';
    });
    await midWait(bench, first);
    process.kill(await serverPid(bench), 'SIGKILL');
    assert.equal(await lastWordOf(first), 'MAOS is gone.');
    assert.match(failures[0]?.text ?? '', /Connection closed/);
    // It starts no server again, as its successors do.
    assert.match(failures[1]?.text ?? '', /Not connected/);

    const second = bench.startScript(function* () {
      const { state } = read(yield ['session-status', { session_id: 'latest' }]);
      releaseAll(bench);
      const { agents } = yield* waitUntilSettled('latest');
      const [agent] = agents as { result?: string }[];
      return `It was ${state}, and ${agent?.result}.`;
    });
    assert.equal(await lastWordOf(second), 'It was running, and patience pays.');
    await bench.nothingLeft();
    await adoptedAlive(bench);
  });

  for (const signal of ['SIGKILL', 'SIGTERM', 'SIGINT'] as const) {
    test(`it ends by ${signal} in the middle of a wait: nothing runs on, and the session can be resumed`, async (t) => {
      const bench = await makeScriptedClaude(t, { claudeVersion, settings: allowPatient });
      const claude = bench.startScript(function* () {
        const { session_id } = read(yield ['orchestrate', patientTeam]);
        yield ['wait-session', { session_id, timeout_seconds: 280 }];
        return 'Nobody hears this.';
      });
      await midWait(bench, claude);
      claude.child.kill(signal);
      await claude.ended;
      await bench.nothingLeft();
      const { state, pause_reason, agents } = await bench.status();
      assert.deepEqual([state, pause_reason], ['paused', 'interrupted']);
      assert.deepEqual(
        agents.map(({ state, attempt }) => [state, attempt]),
        [['resumable', 1]],
      );
    });
  }
});
