import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { AgentEnd, RunningAgent, StopReport } from '../../../src/application/ports/agent-host.ts';
import type { Clock } from '../../../src/application/ports/clock.ts';
import { describeActivity } from '../../../src/application/session/activity-line.ts';
import { AgentRun, type RunCallbacks, type RunEnd } from '../../../src/application/session/agent-run.ts';
import type { StopCause } from '../../../src/application/session/stop-cause.ts';
import { makeCodexBackend } from '../../../src/infrastructure/backends/codex/backend.ts';
import { makeCommandBackend } from '../../../src/infrastructure/backends/command.ts';
import { TestClock } from '../../helpers/test-clock.ts';
import { sampleAgent } from '../../infrastructure/process/sample-agent.ts';

/** A process that cannot be ended exists only when the kernel or another user holds it, so this one is simulated. */
class Process implements RunningAgent {
  readonly location = { kind: 'test', label: 'no process', data: {} };
  readonly stops: number[] = [];
  readonly #survivors: number;
  readonly takesInput = false;
  readonly isCaughtUp = () => true;
  readonly ended: Promise<AgentEnd>;
  end: (end: AgentEnd) => void = () => {};

  constructor(survivors = 0) {
    this.#survivors = survivors;
    this.ended = new Promise((resolve) => {
      this.end = resolve;
    });
  }

  async stop(graceMs: number): Promise<StopReport> {
    this.stops.push(graceMs);
    return { signals: ['SIGTERM'], survivors: this.#survivors, tookMs: 1 };
  }

  async suspend(): Promise<void> {}
  async resume(): Promise<void> {}
  async send(): Promise<void> {}
  async closeInput(): Promise<void> {}
  async sample(): Promise<null> {
    return null;
  }
  async memory(): Promise<null> {
    return null;
  }
}

const exited: AgentEnd = { how: 'exited', exitCode: 0, signal: null, at: '2026-01-01T00:00:20.000Z' };
const killed: AgentEnd = { how: 'exited', exitCode: null, signal: 'SIGTERM', at: '2026-01-01T00:00:20.000Z' };
const cancelled: StopCause = { kind: 'cancelled', reason: 'Enough.' };

function callbacksOf(clock: Clock, ended: (end: RunEnd) => void = () => {}): RunCallbacks {
  const trouble = (message: string, error: unknown): never => assert.fail(`${message}: ${error}`);
  return {
    clock,
    graceMs: 500,
    maxOutputBytes: null,
    afterResultMs: null,
    refusedMs: null,
    maxSubagents: null,
    isOwner: () => true,
    withdraw: () => {},
    ended,
    news: () => {},
    changed: () => {},
    trouble,
  };
}

/** Started 10 s ago, with a time limit of 90 s. */
function begun(process = new Process()) {
  const clock = new TestClock();
  const ends: RunEnd[] = [];
  const run = new AgentRun(
    sampleAgent,
    makeCommandBackend(),
    callbacksOf(clock, (end) => ends.push(end)),
  );
  run.begin(process);
  return { clock, run, ends, process };
}

describe('a run', () => {
  it('is stopped when its time is up, counted from its start', async () => {
    const { clock, run, ends, process } = begun();
    await clock.pass(79_999);
    assert.deepEqual(process.stops, []);
    await clock.pass(1);
    assert.deepEqual(process.stops, [500]);
    process.end(killed);
    await clock.pass(0);
    assert.deepEqual(ends, [{ run, end: killed, stop: { signals: ['SIGTERM'], survivors: 0, tookMs: 1 } }]);
    const { outcome } = run.report(killed, null, 'last words');
    assert.deepEqual(outcome, {
      state: 'failed',
      failure: {
        kind: 'timeout',
        message:
          'It ran longer than its limit of 90 s and was stopped. Give it a longer timeout_minutes, or a smaller task.',
        stderrTail: 'last words',
      },
      result: null,
    });
  });

  it('is stopped when its CLI has started more sub-agents than it may, with how many', async () => {
    const process = new Process();
    const clock = new TestClock();
    const config = { path: null, model: null, sandbox: 'read-only', extraArgs: [] } as const;
    const backend = makeCodexBackend({ config, env: {} });
    const run = new AgentRun(sampleAgent, backend, { ...callbacksOf(clock), maxSubagents: 2 });
    run.begin(process);
    const item = { type: 'collab_tool_call', tool: 'spawn_agent', status: 'completed' };
    const spawned = (...ids: string[]) =>
      run.stdout(
        Buffer.from(
          `${JSON.stringify({ type: 'item.completed', item: { ...item, receiver_thread_ids: ids } })}\n`,
        ),
      );
    spawned('a', 'b');
    assert.equal(run.takeNote()?.subagents, 2);
    assert.deepEqual(process.stops, []);
    spawned('c');
    assert.deepEqual(process.stops, [500]);
    process.end(killed);
    const { outcome, subagents } = run.report(killed, { signals: ['SIGTERM'], survivors: 0, tookMs: 1 }, '');
    assert.equal(subagents, 3);
    assert.deepEqual(outcome.state === 'failed' && [outcome.failure.kind, outcome.failure.message], [
      'budget_exceeded',
      'It started 3 sub-agents, more than its limit of 2 (max_subagents, limits.maxSubagents), and was stopped. Raise the limit, or give it a smaller task.',
    ]);
  });

  describe('that its provider refuses, and whose CLI tries again by itself', () => {
    const line = (record: object): Buffer => Buffer.from(`${JSON.stringify(record)}\n`);
    const refusal = line({
      type: 'error',
      message: 'Reconnecting... 1/5 (exceeded retry limit, last status: 429 Too Many Requests)',
    });
    const word = line({ type: 'item.completed', item: { type: 'agent_message', text: 'Back.' } });
    const config = { path: null, model: null, sandbox: 'read-only', extraArgs: [] } as const;

    function refused() {
      const clock = new TestClock();
      const process = new Process();
      const backend = makeCodexBackend({ config, env: {} });
      const run = new AgentRun(sampleAgent, backend, { ...callbacksOf(clock), refusedMs: 10_000 });
      run.begin(process);
      run.stdout(refusal);
      return { clock, process, run };
    }

    it('is stopped as rate limited when that has lasted too long', async () => {
      const { clock, process, run } = refused();
      await clock.pass(5_000);
      run.stdout(refusal);
      await clock.pass(4_999);
      assert.deepEqual(process.stops, []);
      await clock.pass(1);
      assert.deepEqual(process.stops, [500]);
      process.end(killed);
      const { outcome } = run.report(killed, { signals: ['SIGTERM'], survivors: 0, tookMs: 1 }, '');
      assert.equal(outcome.state === 'failed' && outcome.failure.kind, 'rate_limited');
    });

    it('goes on when its model answers, and has all of that time again', async () => {
      const { clock, process, run } = refused();
      await clock.pass(9_000);
      run.stdout(word);
      await clock.pass(9_000);
      run.stdout(refusal);
      await clock.pass(9_999);
      assert.deepEqual(process.stops, []);
      await clock.pass(1);
      assert.deepEqual(process.stops, [500]);
    });
  });

  it('ends once, as lost, when some of its processes cannot be ended', async () => {
    const { clock, run, ends, process } = begun(new Process(2));
    run.stop(cancelled);
    await clock.pass(0);
    await clock.pass(999);
    assert.equal(ends.length, 0);
    await clock.pass(1);
    assert.equal(ends.length, 1);
    assert.equal(ends[0]?.end.how, 'lost');
    process.end(killed);
    await clock.pass(0);
    assert.equal(ends.length, 1, 'a real end that comes late is not a second one');
    const { outcome } = run.report(killed, ends[0]?.stop ?? null, '');
    assert.deepEqual(outcome, { state: 'cancelled', reason: 'Enough. 2 processes could not be ended.' });
  });

  it('over its time ends too when some of its processes cannot be ended', async () => {
    const { clock, ends } = begun(new Process(1));
    await clock.pass(80_000);
    await clock.pass(1_000);
    assert.equal(ends[0]?.end.how, 'lost');
  });

  it('keeps its real end when that comes soon after', async () => {
    const { clock, run, ends, process } = begun(new Process(1));
    run.stop(cancelled);
    await clock.pass(10);
    process.end(killed);
    await clock.pass(0);
    assert.deepEqual(
      ends.map(({ end }) => end),
      [killed],
    );
  });

  it('that was stopped before its process was known is stopped then', async () => {
    const clock = new TestClock();
    const run = new AgentRun(sampleAgent, makeCommandBackend(), callbacksOf(clock));
    run.stop(cancelled);
    const process = new Process();
    run.begin(process);
    assert.deepEqual(process.stops, [500]);
  });

  it('ended for the first reason it was stopped for', async () => {
    const { run, process } = begun();
    run.stop({ kind: 'interrupted', reason: 'Power.' });
    run.stop(cancelled);
    assert.deepEqual(process.stops, [500]);
    assert.deepEqual(run.report(killed, null, '').outcome, { state: 'resumable', reason: 'Power.' });
  });

  const asked = { signals: ['SIGTERM'], survivors: 0, tookMs: 1 };
  const causes: readonly (readonly [StopCause, string])[] = [
    [cancelled, 'cancelled'],
    [{ kind: 'interrupted', reason: 'x' }, 'completed'],
    [{ kind: 'limit', failure: 'timeout', explain: () => 'Over.' }, 'failed'],
  ];
  for (const [cause, state] of causes) {
    it(`that obeyed its stop (${cause.kind}) with status 0 is ${state}`, () => {
      const { run } = begun();
      run.stop(cause);
      assert.equal(run.report(exited, asked, '').outcome.state, state);
      // A file system's time stamp, which is that of the kernel's last tick.
      const early: AgentEnd = { ...exited, at: '2026-01-01T00:00:09.995Z' };
      assert.equal(run.report(early, asked, '').outcome.state, state);
    });

    it(`that had finished when it was to be stopped (${cause.kind}) has completed`, () => {
      const { run } = begun();
      run.stop(cause);
      const before: AgentEnd = { ...exited, at: '2026-01-01T00:00:09.980Z' };
      assert.equal(run.report(before, asked, '').outcome.state, 'completed');
      assert.equal(run.report(exited, { ...asked, signals: [] }, '').outcome.state, 'completed');
    });
  }

  it('that left no record of its end when it was interrupted is lost, not to be run again', () => {
    const { run } = begun();
    run.stop({ kind: 'interrupted', reason: 'x' });
    const lost: AgentEnd = { how: 'lost', at: exited.at };
    for (const signals of [[], asked.signals]) {
      const { outcome } = run.report(lost, { ...asked, signals }, '');
      assert.equal(outcome.state === 'failed' && outcome.failure.kind, 'lost');
    }
  });

  it('that is abandoned is neither stopped nor reported', async () => {
    const { clock, run, ends, process } = begun();
    run.abandon();
    await clock.pass(200_000);
    process.end(exited);
    await clock.pass(0);
    assert.deepEqual([process.stops, ends], [[], []]);
  });

  it('that never started can be started again', () => {
    const { run } = begun();
    const { outcome } = run.report({ how: 'never_started', at: exited.at }, null, '');
    assert.equal(outcome.state, 'resumable');
  });

  it('that is lost has failed, or can be resumed where its backend can', () => {
    const lost: AgentEnd = { how: 'lost', at: exited.at };
    const { run } = begun();
    assert.equal(run.report(lost, null, '').outcome.state, 'failed');
    const resuming = new AgentRun(
      sampleAgent,
      { ...makeCommandBackend(), capabilities: { ...makeCommandBackend().capabilities, resumes: true } },
      callbacksOf(new TestClock()),
    );
    assert.equal(resuming.report(lost, null, '').outcome.state, 'resumable');
  });

  it('notes only what is new', () => {
    const { run } = begun();
    assert.equal(run.takeNote(), null);
    run.stdout(Buffer.from('one\ntwo\n'));
    assert.equal(run.takeNote()?.activity, 'two');
    assert.equal(run.takeNote(), null);
  });
});

describe('an activity in one line', () => {
  it('is its first line with something in it, cut to 160 characters', () => {
    assert.equal(describeActivity({ type: 'text', text: '\n  first \nsecond' }), 'first');
    assert.equal(describeActivity({ type: 'text', text: ' \n ' }), null);
    assert.equal(describeActivity({ type: 'notice', text: 'x'.repeat(161) }), `${'x'.repeat(157)}...`);
    assert.equal(describeActivity({ type: 'tool_use', tool: 'Bash', detail: 'ls' }), 'Bash: ls');
    assert.equal(describeActivity({ type: 'tool_use', tool: 'Bash', detail: '' }), 'Bash');
    assert.equal(describeActivity({ type: 'tool_result', ok: true, text: 'x' }), null);
  });
});
