import assert from 'node:assert/strict';
import { mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { requestCancel } from '../../../src/application/control/control.ts';
import type { Agent } from '../../../src/domain/agent.ts';
import { makeClaudeBackend } from '../../../src/infrastructure/backends/claude/backend.ts';
import { agentProcesses } from '../../helpers/agent-processes.ts';
import { Gate } from '../../helpers/gate.ts';
import {
  eventOf,
  lacksProcesses,
  type Outcome,
  outcome,
  realProject,
  run,
  settled,
  shell,
  start,
} from '../../helpers/real-project.ts';
import { SteeredClock } from '../../helpers/steered-clock.ts';
import { until } from '../../helpers/waiting.ts';

/** `seq` of the only event of a type of an agent. */
function seqOf(outcome: Outcome, type: 'agent.started' | 'agent.completed', name: string): number {
  const found = outcome.of(type, name);
  assert.equal(found.length, 1, `${type} of ${name}`);
  return found[0]?.seq ?? 0;
}

describe('the order of a team', () => {
  it('follows its edges: an agent starts only after all it depends on completed', async (t) => {
    const real = realProject(t);
    const outcome = await run(real, [
      shell('join', 'cat left.txt right.txt', { depends_on: ['left', 'right'] }),
      shell('left', 'cat root.txt >left.txt', { depends_on: ['root'] }),
      shell('right', 'cat root.txt >right.txt', { depends_on: ['root'] }),
      shell('root', 'echo from root >root.txt'),
    ]);
    assert.equal(outcome.state, 'completed');
    assert.equal(outcome.agent('join').result, 'from root\nfrom root');
    for (const [upstream, downstream] of [
      ['root', 'left'],
      ['root', 'right'],
      ['left', 'join'],
      ['right', 'join'],
    ] as const) {
      const before = seqOf(outcome, 'agent.completed', upstream);
      assert.ok(before < seqOf(outcome, 'agent.started', downstream), `${upstream} before ${downstream}`);
    }
    assert.deepEqual(
      outcome.of('phase.completed').map(({ data }) => data.phase),
      [0, 1, 2],
    );
    assert.equal(outcome.events[0]?.type, 'session.created');
    assert.equal(outcome.events.at(-1)?.type, 'session.completed');
  });

  it('lets run side by side what depends on nothing: each waits for the other', async (t) => {
    const real = realProject(t);
    const [a, b] = [new Gate(real.root, 'a'), new Gate(real.root, 'b')];
    const outcome = await run(real, [shell('a', `${a.open}; ${b.wait}`), shell('b', `${b.open}; ${a.wait}`)]);
    assert.equal(outcome.state, 'completed');
    const starts = ['a', 'b'].map((name) => seqOf(outcome, 'agent.started', name));
    const ends = ['a', 'b'].map((name) => seqOf(outcome, 'agent.completed', name));
    assert.ok(Math.max(...starts) < Math.min(...ends));
  });

  it('tells of every agent that its process exists, and where', async (t) => {
    if (lacksProcesses(t, 'looks at processes of the system')) return;
    const real = realProject(t);
    const outcome = await run(real, [shell('a', 'ps -o pgid= -p $$')]);
    const [spawned] = outcome.of('agent.spawned', 'a');
    assert.equal(spawned?.data.attempt, 1);
    const { kind, label, data } = spawned?.data.where ?? {};
    const pid = Number(outcome.agent('a').result);
    assert.deepEqual([kind, label, (data as { pid: number }).pid], ['local', `process ${pid}`, pid]);
  });
});

describe('a failure', () => {
  it("with 'continue' ends what depends on it, and nothing else", async (t) => {
    const real = realProject(t);
    const outcome = await run(real, [
      shell('bad', 'echo half; echo why >&2; exit 7'),
      shell('child', 'echo never', { depends_on: ['bad'] }),
      shell('grandchild', 'echo never', { depends_on: ['child'] }),
      shell('other', 'echo fine'),
      shell('after', 'echo fine too', { depends_on: ['other'] }),
    ]);
    assert.equal(outcome.state, 'failed');
    assert.deepEqual(outcome.agent('bad').failure, {
      kind: 'exit_code',
      message: 'The command exited with status 7.',
      stderrTail: 'why',
    });
    assert.equal(outcome.agent('bad').result, 'half');
    for (const name of ['child', 'grandchild']) {
      const { state, failure, attempt } = outcome.agent(name);
      assert.deepEqual([state, failure?.kind, attempt], ['cancelled', 'dependency_failed', 0]);
    }
    assert.match(outcome.agent('grandchild').failure?.message ?? '', /'child'/);
    assert.equal(outcome.agent('after').state, 'completed');
    const [end] = outcome.of('session.failed');
    assert.deepEqual(end?.data, { completed: 2, failed: 1, cancelled: 2 });
  });

  it("with 'fail_fast' stops what runs, and starts nothing more", async (t) => {
    const real = realProject(t);
    const gate = new Gate(real.root, 'running');
    const outcome = await run(
      real,
      [
        shell('long', `${gate.open}; sleep 300`),
        shell('bad', `${gate.wait}; exit 1`),
        shell('waiting', 'echo never', { depends_on: ['long'] }),
      ],
      { failure_policy: 'fail_fast' },
    );
    assert.equal(outcome.state, 'failed');
    const ids = ['long', 'bad', 'waiting'].map((name) => outcome.agent(name).id);
    assert.deepEqual(agentProcesses(ids), []);
    assert.equal(outcome.agent('long').state, 'cancelled');
    assert.equal(outcome.agent('waiting').attempt, 0);
    const [stopped] = outcome.of('agent.stopped', 'long');
    assert.deepEqual([stopped?.data.signals.includes('SIGTERM'), stopped?.data.survivors], [true, 0]);
    const [cancelled] = outcome.of('agent.cancelled', 'long');
    assert.match(cancelled?.data.reason ?? '', /fail_fast/);
  });

  it('to start is recorded as such, and why', async (t) => {
    const real = realProject(t);
    const outcome = await run(real, [
      shell('missing', '', { command: ['no-such-program-anywhere', 'x'] }),
      shell('fine', 'echo ok'),
    ]);
    assert.equal(outcome.state, 'failed');
    const { state, failure, attempt } = outcome.agent('missing');
    assert.deepEqual([state, failure?.kind, attempt], ['failed', 'spawn_failed', 1]);
    assert.match(failure?.message ?? '', /"no-such-program-anywhere"/);
    assert.deepEqual(outcome.of('agent.spawned', 'missing'), []);
    assert.equal(outcome.agent('fine').state, 'completed');
  });

  it('by a signal names the signal', async (t) => {
    const real = realProject(t);
    const outcome = await run(real, [shell('a', 'kill -SEGV $$')]);
    assert.equal(outcome.agent('a').failure?.kind, 'signal');
    assert.match(outcome.agent('a').failure?.message ?? '', /SIGSEGV/);
  });
});

describe('an agent over its time', () => {
  it('is stopped with all it started, and fails with the limit', async (t) => {
    const clock = new SteeredClock();
    const real = realProject(t, { clock });
    const gate = new Gate(real.root, 'running');
    const slow = shell('slow', `echo began; sleep 300 & ${gate.open}; sleep 300`, { timeout_minutes: 0.5 });
    const session = await start(real, [slow]);
    await eventOf(real, session, 'agent.spawned', 'slow');
    await until(() => gate.isOpen);
    await clock.pass(31_000);
    const outcome = await settled(real, session);
    const { id, state, failure, result } = outcome.agent('slow');
    assert.deepEqual([state, failure?.kind, result], ['failed', 'timeout', 'began']);
    assert.equal(
      failure?.message,
      'It ran longer than its limit of 30 s and was stopped. Give it a longer timeout_minutes, or a smaller task.',
    );
    assert.deepEqual(agentProcesses([id]), []);
    const [{ data } = assert.fail()] = outcome.of('agent.failed', 'slow');
    assert.ok(data.durationMs >= 30_000, `${data.durationMs} ms`);
  });
});

describe('cancelling', () => {
  it('stops what runs, cancels what waits, and says who asked', async (t) => {
    const real = realProject(t);
    const gate = new Gate(real.root, 'running');
    const id = await start(real, [
      shell('long', `${gate.open}; sleep 300`),
      shell('next', 'echo never', { depends_on: ['long'] }),
    ]);
    await eventOf(real, id, 'agent.spawned', 'long');
    await requestCancel(real.project, real.supervisor, id, 'test', 'Changed my mind.');
    const outcome = await settled(real, id);
    assert.equal(outcome.state, 'cancelled');
    for (const name of ['long', 'next']) assert.equal(outcome.agent(name).state, 'cancelled');
    assert.deepEqual(agentProcesses([outcome.agent('long').id]), []);
    const [asked] = outcome.of('session.requested');
    assert.deepEqual(asked?.data, {
      action: 'cancel',
      agent: null,
      by: 'test',
      reason: 'Changed my mind.',
    });
    assert.deepEqual(outcome.of('session.cancelled')[0]?.data, { reason: 'Changed my mind.' });
    // Once more is no error and no second event.
    await requestCancel(real.project, real.supervisor, id, 'test', 'Again.');
    assert.equal(real.project.store.lastSeq(id), outcome.events.length);
  });

  it('of a session that ended otherwise is refused, naming both states', async (t) => {
    const real = realProject(t);
    const { id } = await run(real, [shell('a', 'true')]);
    await assert.rejects(requestCancel(real.project, real.supervisor, id, 'test', 'Too late.'), {
      code: 'INVALID_TRANSITION',
      details: { sessionId: id, from: 'completed', to: 'cancelled' },
    });
  });
});

describe('interrupting', () => {
  it('leaves the session paused, its agents resumable and no process', async (t) => {
    const real = realProject(t);
    const gate = new Gate(real.root, 'running');
    const id = await start(real, [
      shell('done', 'echo done'),
      shell('long', `${gate.open}; sleep 300`),
      shell('next', 'echo never', { depends_on: ['long'] }),
    ]);
    await eventOf(real, id, 'agent.completed', 'done');
    await eventOf(real, id, 'agent.spawned', 'long');
    real.supervisor.interrupt(id, 'The power is going.');
    const outcome = await settled(real, id);
    assert.equal(outcome.state, 'paused');
    assert.equal(real.project.store.summary(id).session.pauseReason, 'interrupted');
    assert.deepEqual(
      ['done', 'long', 'next'].map((name) => outcome.agent(name).state),
      ['completed', 'resumable', 'pending'],
    );
    assert.equal(outcome.of('agent.interrupted', 'long')[0]?.data.reason, 'The power is going.');
    assert.deepEqual(agentProcesses([outcome.agent('long').id]), []);
    assert.equal(real.project.store.ownerOf(id), null);
  });
});

describe('the record of a session', () => {
  it('is the same in session.log and in the table, without gaps', async (t) => {
    const real = realProject(t);
    const { id, events } = await run(real, [shell('a', 'echo "é\\n\\"quoted\\""'), shell('b', 'exit 3')]);
    const log = await readFile(join(real.files.describe(id), 'session.log'), 'utf8');
    const lines = log.trimEnd().split('\n');
    assert.deepEqual(
      lines.map((line) => JSON.parse(line)),
      events.map((event) => ({ ...event })),
    );
    assert.deepEqual(
      events.map(({ seq }) => seq),
      events.map((_, index) => index + 1),
    );
    const metadata = JSON.parse(await readFile(join(real.files.describe(id), 'metadata.json'), 'utf8'));
    assert.match(JSON.stringify(metadata), /"state":"failed"/);
  });

  it('has an end and the starts that follow in one transaction, and a start before its process', async (t) => {
    const real = realProject(t);
    const commit = t.mock.method(real.project.store, 'commit');
    await run(real, [shell('a', 'true'), shell('b', 'true')], { strategy: 'sequential' });
    const commits = commit.mock.calls.map(({ arguments: [, , change] }) =>
      change.events.map((event) => `${event.type} ${'name' in event.data ? event.data.name : ''}`.trimEnd()),
    );
    const withEnd = commits.find((events) => events.includes('agent.completed a'));
    assert.ok(withEnd?.includes('agent.started b'), JSON.stringify(commits));
    for (const name of ['a', 'b']) {
      const order = commits.findIndex((events) => events.includes(`agent.started ${name}`));
      assert.ok(order >= 0 && !commits[order]?.includes(`agent.spawned ${name}`), JSON.stringify(commits));
    }
  });

  it('tells every stage of an agent, from its start to its end', async (t) => {
    const real = realProject(t);
    const outcome = await run(real, [shell('a', 'true'), shell('b', 'exit 3')]);
    for (const [name, end] of [
      ['a', 'agent.completed'],
      ['b', 'agent.failed'],
    ]) {
      const { id, stage } = outcome.agent(name as string);
      const events = outcome.events.filter(({ agentId }) => agentId === id);
      assert.deepEqual(
        events.map(({ type }) => type).filter((type) => type !== 'agent.stopped'),
        ['agent.started', 'agent.spawned', 'agent.stage_changed', end],
      );
      const [changed] = outcome.of('agent.stage_changed', name);
      assert.deepEqual(changed?.data, { name, stage: 'collecting', previous: 'executing' });
      assert.equal(stage, null);
    }
  });

  it('makes room for the next agent while the one before it runs, each once, and starts it where that fails', async (t) => {
    const real = realProject(t);
    const { host } = real.project;
    const gate = new Gate(real.root, 'go');
    const made: string[] = [];
    const reached = Promise.withResolvers<void>();
    t.mock.method(host, 'makeRoom', async ({ name }: Agent) => {
      made.push(name);
      reached.resolve();
      throw new Error('No room.');
    });
    const id = await start(real, [
      shell('a', gate.wait),
      shell('b', 'true', { depends_on: ['a'] }),
      shell('c', 'true', { depends_on: ['b'] }),
    ]);
    await reached.promise;
    assert.equal(outcome(real, id).of('agent.completed').length, 0);
    gate.openNow();
    assert.equal((await settled(real, id)).state, 'completed');
    assert.deepEqual(made, ['b', 'c']);
  });

  it('has the reason of a stop in the table before the stop', async (t) => {
    const real = realProject(t);
    const { store, host } = real.project;
    const startAgent = host.start.bind(host);
    let before: readonly string[] = [];
    t.mock.method(host, 'start', async (...args: Parameters<typeof startAgent>) => {
      const running = await startAgent(...args);
      const stop = (graceMs: number) => {
        before = store.events(args[0].sessionId, 0, 1_000).map(({ type }) => type);
        return running.stop(graceMs);
      };
      return { ...running, stop };
    });
    const gate = new Gate(real.root, 'go');
    const id = await start(real, [shell('bad', `${gate.wait}; exit 3`), shell('busy', 'sleep 300')], {
      failure_policy: 'fail_fast',
    });
    await eventOf(real, id, 'agent.spawned', 'busy');
    gate.openNow();
    assert.equal((await settled(real, id)).state, 'failed');
    assert.ok(before.includes('agent.failed'), before.join(' '));
  });

  it('is told of each agent that was started in its info.json, once the session has ended', async (t) => {
    const real = realProject(t);
    const ended = await run(real, [
      shell('a', 'true'),
      shell('b', 'exit 3'),
      shell('c', 'true', { depends_on: ['b'] }),
    ]);
    const infoOf = (name: string) =>
      readFile(join(real.files.describe(ended.id, `agents/${ended.agent(name).id}`), 'info.json'), 'utf8');
    for (const name of ['a', 'b']) {
      const { agent } = JSON.parse(await infoOf(name));
      assert.deepEqual([agent.name, agent.task, agent.attempt], [name, `Run ${name}.`, 1]);
    }
    await assert.rejects(infoOf('c'), { code: 'ENOENT' });
  });

  it('holds what the agents used, and their sum, as their CLI reported it', async (t) => {
    const fixture = join(import.meta.dirname, '../../fixtures/claude-code/success.jsonl');
    const folder = realpathSync(mkdtempSync(join(tmpdir(), 'maos-cli-')));
    t.after(() => rmSync(folder, { recursive: true }));
    const cli = join(folder, 'claude');
    writeFileSync(cli, `#!/bin/sh\nIFS= read -r prompt\ncat '${fixture}'\ncat >/dev/null\n`, { mode: 0o755 });
    const config = {
      path: cli,
      model: null,
      permissionMode: 'plan' as const,
      allowedTools: [],
      extraArgs: [],
      maxBudgetUsd: null,
    };
    const real = realProject(t, { backends: [makeClaudeBackend({ config, env: process.env })] });
    const team = ['a', 'b'].map((name) => ({ name, role: 'tester', task: 'Say hello.', backend: 'claude' }));
    const outcome = await run(real, [...team, shell('c', 'true')]);
    const { usage } = outcome.agent('a');
    assert.equal(outcome.agent('a').result, 'Hello.');
    assert.deepEqual([usage?.inputTokens, usage?.outputTokens, usage?.turns], [1_200, 12, 1]);
    assert.equal(usage?.costUsd?.toFixed(5), '0.00504');
    assert.equal(outcome.agent('c').usage, null);
    assert.deepEqual(outcome.of('agent.completed', 'b')[0]?.data.usage, usage);
    const total = real.project.store.summary(outcome.id).usage;
    assert.deepEqual([total?.inputTokens, total?.costUsd?.toFixed(5)], [2_400, '0.01008']);
    assert.equal(outcome.agent('a').conversation, '11111111-2222-4333-8444-555555555555');
  });

  it('tells what an agent is at while it runs', async (t) => {
    const real = realProject(t);
    const gate = new Gate(real.root, 'seen');
    const id = await start(real, [shell('busy', `echo first; echo second; ${gate.wait}; echo last`)]);
    const progress = await eventOf(real, id, 'agent.progressed', 'busy');
    assert.equal(progress.data.activity, 'second');
    gate.openNow();
    assert.equal((await settled(real, id)).agent('busy').result, 'first\nsecond\nlast');
  });
});
