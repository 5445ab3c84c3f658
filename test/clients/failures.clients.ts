import assert from 'node:assert/strict';
import { watch } from 'node:fs';
import { suite, type TestContext, test } from 'node:test';
import { lastToolResults, type ScriptStep } from '../helpers/scripted-model.ts';
import { type Bench, makeBench } from './bench.ts';
import { makeMoment, type Running, readJsonLines } from './workplace.ts';

/** In hours, on a full second: as providers tell it. */
const resetAt = new Date((Math.floor(Date.now() / 1000) + 7_200) * 1000).toISOString();

/** The only agent of the last session, and that session's state. */
async function onlyAgent(bench: Bench) {
  const { state, agents } = await bench.status();
  assert.equal(agents.length, 1);
  return { session: state, ...(agents[0] ?? assert.fail('no agent')) };
}

suite('a Claude Code that cannot do its work', () => {
  test('wrong key: auth_required with what to do, and exit status 6', async (t) => {
    const error = { status: 401, type: 'authentication_error', message: 'invalid x-api-key' };
    const bench = await makeBench(t, { respond: () => ({ error }) });
    const run = await bench.maos('run', 'Say hello', '--agent', 'analyst=Say hello.', '--json');
    assert.equal(run.status, 6, `${run.stdout}\n${run.stderr}`);
    // Left to itself Claude Code tries a wrong key for three minutes.
    assert.ok(run.tookMs < 30_000, `${run.tookMs} ms`);
    const { session, state, failure } = await onlyAgent(bench);
    assert.deepEqual([session, state, failure?.kind], ['failed', 'failed', 'auth_required']);
    assert.match(
      failure?.message ?? '',
      /rejected the credentials \(401\)\. .*ANTHROPIC_API_KEY, then try again\.$/,
    );
    await bench.nothingLeft();
  });

  test('not signed in: said at once, without any request', async (t) => {
    const bench = await makeBench(t, { respond: () => ({ text: 'Never asked.' }), apiKey: null });
    const run = await bench.maos('run', 'Say hello', '--agent', 'analyst=Say hello.');
    assert.equal(run.status, 6, `${run.stdout}\n${run.stderr}`);
    assert.match(run.stdout, /Run 'claude' once and enter \/login/);
    const { session, failure } = await onlyAgent(bench);
    assert.deepEqual([session, failure?.kind], ['failed', 'auth_required']);
    assert.deepEqual(
      bench.model.requests.filter(({ message }) => message !== undefined),
      [],
    );
    await bench.nothingLeft();
  });

  test('usage limit of a subscription: paused, with the time at which it ends', async (t) => {
    const error = {
      status: 429,
      type: 'rate_limit_error',
      message: 'This request would exceed the rate limit of your organization.',
      headers: {
        'anthropic-ratelimit-unified-status': 'rejected',
        'anthropic-ratelimit-unified-reset': String(Date.parse(resetAt) / 1000),
        'anthropic-ratelimit-unified-representative-claim': 'five_hour',
      },
    };
    const env = { CLAUDE_CODE_OAUTH_TOKEN: 'sk-ant-oat01-scripted' };
    const bench = await makeBench(t, { respond: () => ({ error }), apiKey: null, env });
    const run = await bench.maos('run', 'Say hello', '--agent', 'analyst=Say hello.');
    assert.equal(run.status, 7, `${run.stdout}\n${run.stderr}`);
    const { session, state } = await onlyAgent(bench);
    assert.deepEqual([session, state], ['paused', 'resumable'], 'a refusal is no failure');
    const status = JSON.parse((await bench.maos('status', 'latest', '--json')).stdout);
    assert.deepEqual([status.pause_reason, status.resume_at], ['quota', resetAt]);
    await bench.nothingLeft();
  });

  test('over its time: failed (timeout), and nothing of it is left', async (t) => {
    const bench = await makeBench(t, { respond: () => ({ hang: true }) });
    const run = await bench.maos(
      ...['run', 'Say hello', '--agent', 'analyst=Say hello.', '--timeout-minutes', '0.05', '--json'],
    );
    assert.equal(run.status, 1, `${run.stdout}\n${run.stderr}`);
    const { session, state, failure, started_at, ended_at } = await onlyAgent(bench);
    assert.deepEqual([session, state, failure?.kind], ['failed', 'failed', 'timeout']);
    assert.match(failure?.message ?? '', /limit of 3 s and was stopped/);
    const ranMs = Date.parse(ended_at ?? '') - Date.parse(started_at ?? '');
    assert.ok(ranMs >= 3_000 && ranMs < 30_000, `${ranMs} ms`);
    const stopped = readJsonLines(run.stdout).find(({ type }) => type === 'agent.stopped');
    assert.equal(stopped?.data.survivors, 0);
    await bench.nothingLeft();
  });
});

suite('cancelling from another process', () => {
  /** Runs an agent until the model was asked as `respond` says, then cancels it from a second `maos`. */
  async function cancelInTheMiddle(bench: Bench, middle: Promise<void>): Promise<void> {
    const run = bench.startMaos('run', 'Say hello', '--agent', 'analyst=Say hello.', '--json');
    await middle;
    // Proof that what is looked for in the end can be seen: maos, the wrapper, Claude Code.
    assert.ok(bench.running().length >= 3, bench.running().join('; '));
    const cancel = await bench.maos('cancel', 'latest', '--reason', 'Changed my mind.', '--json');
    assert.equal(cancel.status, 0, `${cancel.stdout}\n${cancel.stderr}`);
    const { state, survivors, stopped_agents } = JSON.parse(cancel.stdout);
    assert.deepEqual([state, survivors, stopped_agents.length], ['cancelled', 0, 1]);
    assert.equal((await run.ended).status, 1);
    const agent = await onlyAgent(bench);
    assert.deepEqual([agent.session, agent.state], ['cancelled', 'cancelled']);
    await bench.nothingLeft();
  }

  test('while the model is silent', async (t) => {
    const asked = makeMoment('the request');
    const bench = await makeBench(t, {
      respond() {
        asked.arrive();
        return { hang: true };
      },
    });
    await cancelInTheMiddle(bench, asked.came);
  });

  test('while a tool of Claude Code runs, with processes of its own', async (t) => {
    const begun = makeMoment('the file of the tool');
    const command = 'touch "$MAOS_PROJECT_ROOT/begun" && sleep 1000';
    const bench = await makeBench(t, {
      settings: { backends: { claude: { allowedTools: ['Bash'] } } },
      respond: (request): ScriptStep =>
        lastToolResults(request).length > 0
          ? { text: 'It came back.' }
          : { toolUse: { name: 'Bash', input: { command, description: 'Wait' } } },
    });
    const watcher = watch(bench.project, (_, name) => {
      if (name === 'begun') begun.arrive();
    });
    t.after(() => watcher.close());
    await cancelInTheMiddle(bench, begun.came);
  });
});

suite('when MAOS itself is ended while Claude Code works', () => {
  /** A team of one whose model never answers, as soon as that was asked. */
  async function runSilently(t: TestContext): Promise<{ bench: Bench; run: Running }> {
    const asked = makeMoment('the request');
    const bench = await makeBench(t, {
      respond() {
        asked.arrive();
        return { hang: true };
      },
    });
    const run = bench.startMaos('run', 'Say hello', '--agent', 'analyst=Say hello.', '--json');
    await asked.came;
    return { bench, run };
  }

  test('by Ctrl-C: it is stopped by a process of its own, and can be resumed with its conversation', async (t) => {
    const { bench, run } = await runSilently(t);
    run.child.kill('SIGINT');
    assert.equal((await run.ended).status, 130);
    await bench.nothingLeft();
    const { pause_reason } = await bench.status();
    const { session, state, attempt } = await onlyAgent(bench);
    assert.deepEqual([session, pause_reason, state, attempt], ['paused', 'interrupted', 'resumable', 1]);
    const [conversation, ...others] = bench.conversations().values();
    assert.deepEqual(others, []);
    assert.match(conversation ?? '', /^[0-9a-f-]{36}$/);
  });

  test('by SIGKILL: the next maos can cancel it, and nothing of it is left', async (t) => {
    const { bench, run } = await runSilently(t);
    run.child.kill('SIGKILL');
    assert.equal((await run.ended).signal, 'SIGKILL');
    assert.ok(bench.running().length > 0, 'the agent was to outlive its MAOS');
    const cancel = await bench.maos('cancel', 'latest', '--json');
    assert.equal(cancel.status, 0, `${cancel.stdout}\n${cancel.stderr}`);
    await bench.nothingLeft();
    const { session, state } = await onlyAgent(bench);
    assert.deepEqual([session, state], ['cancelled', 'cancelled']);
  });
});
