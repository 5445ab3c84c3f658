import assert from 'node:assert/strict';
import { before, suite, test } from 'node:test';
import { CLAUDE_CODE_VERSION, installClaudeCode, OLDER_CLAUDE_CODE_VERSION } from '../helpers/claude-code.ts';
import type { ModelRequest } from '../helpers/scripted-model.ts';
import { askOf, conversing, lastWordOf, makeScriptedClaude, sayTo } from './claude-script.ts';
import { read, type Script, type ToolAnswer, type ToolCall, waitUntilSettled } from './model-script.ts';
import { adoptedAlive, allowPatient, midWait, patientTeam, releaseAll } from './patient-team.ts';
import { exchange, isWait, passed, progressOf, serverPid } from './wire.ts';

const versions = [
  { claudeVersion: CLAUDE_CODE_VERSION, wantsProgress: true },
  { claudeVersion: OLDER_CLAUDE_CODE_VERSION, wantsProgress: false },
];

// Side by side: some of them last a minute, in which the machine has little to do.
suite('Claude Code', { concurrency: 4 }, () => {
  before(async () => {
    for (const { claudeVersion: version } of versions) await installClaudeCode({ version });
  });

  for (const { claudeVersion, wantsProgress } of versions) {
    test(`${claudeVersion}: a call may last a minute`, async (t) => {
      const bench = await makeScriptedClaude(t, { claudeVersion, settings: allowPatient });
      let [tookMs, waited]: [number, Readonly<Record<string, unknown>>] = [0, {}];
      const claude = bench.startScript(function* () {
        const { session_id } = read(yield ['orchestrate', patientTeam]);
        const since = performance.now();
        waited = read(yield ['wait-session', { session_id, timeout_seconds: 60 }]);
        tookMs = performance.now() - since;
        const { state } = read(yield ['control-session', { session_id, action: 'cancel' }]);
        return `It is ${state} now.`;
      });
      assert.equal(await lastWordOf(claude), 'It is cancelled now.');
      assert.deepEqual([waited.settled, waited.state], [false, 'running']);
      assert.ok(tookMs > 59_000, `${tookMs} ms`);
      const told = progressOf(bench, exchange(bench, isWait).request);
      // At the beginning and every 15 s, on a busy machine a little later.
      assert.ok(wantsProgress ? told.length >= 3 : told.length === 0, `${told.length} times`);
      await bench.nothingLeft();
    });
  }

  for (const { claudeVersion } of versions) {
    test(`${claudeVersion}: a wait is called off, and the team works on`, async (t) => {
      const bench = await makeScriptedClaude(t, { claudeVersion, settings: allowPatient });
      bench.begin(function* () {
        const { session_id } = read(yield ['orchestrate', patientTeam]);
        yield ['wait-session', { session_id, timeout_seconds: 280 }];
        return 'Nobody hears this.';
      });
      const claude = bench.startClaude(conversing, null);
      const interrupted = askOf(claude, 'Have a team do it.');
      await midWait(bench, claude);
      const pid = await serverPid(bench);
      sayTo(claude, { type: 'control_request', request_id: 'stop', request: { subtype: 'interrupt' } });
      await interrupted;
      bench.begin(function* () {
        const { state } = read(yield ['session-status', { session_id: 'latest' }]);
        releaseAll(bench);
        const { agents } = yield* waitUntilSettled('latest');
        const [agent] = agents as { result?: string }[];
        return `It was ${state}, and ${agent?.result}.`;
      });
      void askOf(claude, 'And now?');
      claude.child.stdin?.end();
      assert.equal(await lastWordOf(claude), 'It was running, and patience pays.');
      assert.equal(await serverPid(bench), pid, 'the same MAOS answered');
      const sent = passed(bench, 'sent');
      // The older one calls off earlier requests too, which have been answered long since.
      const cancelled = sent.filter(({ method }) => method === 'notifications/cancelled');
      assert.ok(cancelled.some(({ params }) => params?.requestId === sent.find(isWait)?.id));
      await bench.nothingLeft();
    });

    test(`${claudeVersion}: what MAOS refuses reaches the model, with its code and what was wrong`, async (t) => {
      const bench = await makeScriptedClaude(t, { claudeVersion });
      const { objective, agents } = patientTeam;
      const mistakes: readonly (readonly [ToolCall, RegExp])[] = [
        [['orchestrate', { objective, agentz: agents }], /^INVALID_INPUT: .*unknown key "agentz"/],
        [['orchestrate', { agents }], /^INVALID_INPUT: .*objective/],
        [['orchestrate', { objective, agents: [{ role: 'tester' }] }], /^INVALID_INPUT: .*task/],
        [['orchestrate', patientTeam], /^FORBIDDEN: .*allowCommands/s],
        [
          ['wait-session', { session_id: 'latest', timeout_seconds: 281 }],
          /^INVALID_INPUT: .*timeout_seconds/,
        ],
        [['wait-session', { session_id: 'nobody' }], /^SESSION_NOT_FOUND: .*nobody/],
      ];
      const answers: ToolAnswer[] = [];
      const script: Script<ModelRequest> = function* () {
        for (const [call] of mistakes) answers.push(yield call);
        return 'I give up.';
      };
      assert.equal(await lastWordOf(bench.startScript(script)), 'I give up.');
      assert.equal(answers.length, mistakes.length);
      for (const [index, [, expected]] of mistakes.entries()) {
        assert.equal(answers[index]?.isError, true);
        assert.match(answers[index]?.text ?? '', expected);
      }
      await bench.nothingLeft();
    });
  }

  test(`${CLAUDE_CODE_VERSION}: a server killed in the middle of a wait is started again, and takes its team over`, async (t) => {
    const bench = await makeScriptedClaude(t, { settings: allowPatient });
    const cut: ToolAnswer[] = [];
    const claude = bench.startScript(function* () {
      const { session_id } = read(yield ['orchestrate', patientTeam]);
      cut.push(yield ['wait-session', { session_id, timeout_seconds: 280 }]);
      const found = read(yield ['session-status', { session_id }]);
      releaseAll(bench);
      const { state, agents } = yield* waitUntilSettled(session_id);
      const [agent] = agents as { result?: string }[];
      return `It was ${found.state}, and is ${state}: ${agent?.result}.`;
    });
    await midWait(bench, claude);
    const pid = await serverPid(bench);
    process.kill(pid, 'SIGKILL');
    assert.equal(await lastWordOf(claude), 'It was running, and is completed: patience pays.');
    assert.equal(cut[0]?.isError, true);
    assert.match(cut[0]?.text ?? '', /Connection closed/);
    assert.notEqual(await serverPid(bench), pid);
    await bench.nothingLeft();
    await adoptedAlive(bench);
  });
});
