/** The real Claude Code and MAOS over HTTP, in both transports. */
import assert from 'node:assert/strict';
import { before, suite, type TestContext, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { CLAUDE_CODE_VERSION, installClaudeCode } from '../helpers/claude-code.ts';
import {
  askOf,
  conversing,
  lastWordOf,
  makeScriptedClaude,
  registerUrl,
  type ScriptedClaude,
} from './claude-script.ts';
import { type HttpMaos, passedOverHttp, serveHttp, transports } from './http-bench.ts';
import { read, type ToolAnswer, waitUntilSettled } from './model-script.ts';
import { adoptedAlive, allowPatient, begun, midWait, patientTeam, releaseAll } from './patient-team.ts';
import { isWait, progressOf } from './wire.ts';
import { type Running, readJsonLines } from './workplace.ts';

interface Prepared {
  readonly bench: ScriptedClaude;
  readonly maos: HttpMaos;
}

// Side by side: two of them last two minutes, in which the machine has little to do.
suite(`Claude Code ${CLAUDE_CODE_VERSION}`, { concurrency: 3 }, () => {
  before(() => installClaudeCode());

  for (const { transport, path } of transports) {
    const prepare = async (t: TestContext, givenToken?: string): Promise<Prepared> => {
      let served: HttpMaos | undefined;
      const bench = await makeScriptedClaude(t, { settings: allowPatient }, async (bench) => {
        served = await serveHttp(bench);
        const header = `Authorization: Bearer ${givenToken ?? served.token}`;
        await registerUrl(bench, transport, `${served.url}${path}`, header);
      });
      return { bench, maos: served ?? assert.fail('MAOS is not there') };
    };

    test(`--transport ${transport}: MAOS is killed in the middle of a wait and started again`, async (t) => {
      const { bench, maos } = await prepare(t);
      let cut: ToolAnswer | undefined;
      bench.begin(function* () {
        const { session_id } = read(yield ['orchestrate', patientTeam]);
        cut = yield ['wait-session', { session_id, timeout_seconds: 280 }];
        return 'It came to an end.';
      });
      const claude = bench.startClaude(conversing, null);
      const turn = askOf(claude, 'Have a team do it.');
      await midWait(bench, claude, () => passedOverHttp(bench, 'sent'));
      await maos.kill();
      await maos.startAgain();
      // If the answer had begun, it takes Claude Code two minutes to notice that nothing more will come of it. If not, it
      // may call again by itself: then the wait goes on at the new server, and ends with what it is for.
      if (await isRepeated(bench, turn)) {
        releaseAll(bench);
        await turn;
        assert.equal(read(cut ?? assert.fail('no answer')).state, 'completed');
        claude.child.stdin?.end();
        assert.equal(await lastWordOf(claude), 'It came to an end.');
      } else {
        assert.equal(cut?.isError, true);
        await untilHeard(bench, claude);
        await goOnToTheEnd(bench, claude);
      }
      await adoptedAlive(bench);
      await maos.end();
      await bench.nothingLeft();
    });

    test(`--transport ${transport}: a team from start to result, with a wait of 20 s`, async (t) => {
      const { bench, maos } = await prepare(t);
      const { stdout } = await bench.claude(['mcp', 'list']);
      const name = transport.toUpperCase();
      assert.ok(stdout.includes(`maos: ${maos.url}${path} (${name}) - ✔ Connected`), stdout);

      let offered: readonly string[] = [];
      let waited: Readonly<Record<string, unknown>> = {};
      const claude = bench.startScript(function* ({ tools }) {
        offered = tools.map(({ name }) => name);
        const { session_id } = read(yield ['orchestrate', patientTeam]);
        waited = read(yield ['wait-session', { session_id, timeout_seconds: 20 }]);
        releaseAll(bench);
        const { state, agents } = yield* waitUntilSettled(session_id);
        const [agent] = agents as { agent_id: string; result?: string }[];
        const { text } = read(yield ['agent-output', { agent_id: agent?.agent_id }]);
        return `It is ${state}: ${agent?.result}. All it said: ${text}`;
      });
      assert.equal(await lastWordOf(claude), 'It is completed: patience pays. All it said: patience pays\n');
      assert.deepEqual([waited.settled, waited.state], [false, 'running']);
      for (const tool of ['mcp__maos__orchestrate', 'mcp__maos__wait-session'])
        assert.ok(offered.includes(tool), offered.join(', '));
      const waits = passedOverHttp(bench, 'sent').filter(isWait);
      const told = progressOf(bench, waits[0], passedOverHttp(bench, 'received'));
      assert.ok(told.length >= 1, 'nothing was told of the progress');
      await maos.end();
      await bench.nothingLeft();
    });

    test(`--transport ${transport}: with a wrong token it is told so, and gets nothing`, async (t) => {
      const { bench, maos } = await prepare(t, 'wrong');
      const { stdout } = await bench.claude(['mcp', 'list']);
      assert.match(stdout, /Failed to connect.*rejected the configured Authorization header \(HTTP 401\)/);
      const claude = bench.startClaude(
        ['-p', '--output-format', 'stream-json', '--verbose'],
        'Are you there?',
      );
      assert.equal(await lastWordOf(claude), 'Nothing to say.');
      const lines = readJsonLines<{ subtype?: string; mcp_servers?: unknown[]; tools?: string[] }>(
        (await claude.ended).stdout,
      );
      const { mcp_servers: servers = [], tools = [] } = lines.find(({ subtype }) => subtype === 'init') ?? {};
      assert.match(JSON.stringify(servers), /"maos","status":"failed"/);
      assert.deepEqual(
        tools.filter((name) => name.includes('maos')),
        [],
      );
      assert.deepEqual(passedOverHttp(bench, 'sent'), []);
      await maos.end();
      await bench.nothingLeft();
    });

    test(`--transport ${transport}: MAOS is killed between two calls and started again`, async (t) => {
      const { bench, maos } = await prepare(t);
      bench.begin(function* () {
        read(yield ['orchestrate', patientTeam]);
        return 'It works.';
      });
      const claude = bench.startClaude(conversing, null);
      await askOf(claude, 'Have a team do it.');
      await begun(bench);
      await maos.kill();
      await maos.startAgain();
      await untilHeard(bench, claude);
      await goOnToTheEnd(bench, claude);
      await adoptedAlive(bench);
      await maos.end();
      await bench.nothingLeft();
    });
  }
});

/** Comes true as soon as MAOS was asked to wait a second time, false when the turn ends without that. */
async function isRepeated(bench: ScriptedClaude, turn: Promise<void>): Promise<boolean> {
  let isOver = false;
  void turn.then(() => {
    isOver = true;
  });
  while (!isOver) {
    if (passedOverHttp(bench, 'sent').filter(isWait).length > 1) return true;
    await Promise.race([turn, delay(500)]);
  }
  return false;
}

/**
 * Has the model ask for the session, a turn at a time, until MAOS answers that it runs. Over HTTP Claude Code begins anew
 * within the call, unless it is about to do so by itself; over SSE it takes a second until it notices.
 */
async function untilHeard(bench: ScriptedClaude, claude: Running): Promise<void> {
  for (const since = performance.now(); ; await delay(500)) {
    let answer: ToolAnswer | undefined;
    bench.begin(function* () {
      answer = yield ['session-status', { session_id: 'latest' }];
      return answer.isError ? 'It does not answer.' : 'It answers.';
    });
    await askOf(claude, 'Does it still run?');
    assert.ok(answer !== undefined, 'the tool was not called');
    if (!answer.isError) return assert.equal(read(answer).state, 'running');
    assert.ok(performance.now() - since < 120_000, `not heard within two minutes: ${answer.text}`);
  }
}

/** Lets the team go, and has the model wait for it in a last turn. */
async function goOnToTheEnd(bench: ScriptedClaude, claude: Running): Promise<void> {
  releaseAll(bench);
  bench.begin(function* () {
    const { state, agents } = yield* waitUntilSettled('latest');
    const [agent] = agents as { result?: string }[];
    return `It is ${state}: ${agent?.result}.`;
  });
  void askOf(claude, 'And now?');
  claude.child.stdin?.end();
  assert.equal(await lastWordOf(claude), 'It is completed: patience pays.');
}
