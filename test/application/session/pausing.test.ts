import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import {
  requestCancel,
  requestPause,
  requestResume,
  waitForSession,
} from '../../../src/application/control/control.ts';
import { controlUntilReached } from '../../../src/application/control/follow-control.ts';
import type { SessionId } from '../../../src/domain/ids.ts';
import {
  isReaderCommand,
  isWrapperCommand,
} from '../../../src/infrastructure/process/host/wrapper-script.ts';
import { agentProcesses } from '../../helpers/agent-processes.ts';
import { claudeProject, player, startsOf, success, turn } from '../../helpers/fake-claude.ts';
import { Gate } from '../../helpers/gate.ts';
import { otherMaos } from '../../helpers/other-maos.ts';
import {
  eventOf,
  lacksProcesses,
  type Outcome,
  outcome,
  type RealProject,
  realProject,
  settled,
  shell,
  start,
} from '../../helpers/real-project.ts';
import { SteeredClock } from '../../helpers/steered-clock.ts';
import { giveTimeTo, until } from '../../helpers/waiting.ts';

/** States (`T`: stopped) of the processes of an agent's program, from ps. */
function processStates(found: Outcome, name: string): readonly string[] {
  const { id } = found.agent(name);
  return agentProcesses([id]).flatMap((pid) => {
    const ps = spawnSync('ps', ['-o', 'stat=,args=', '-p', String(pid)], { encoding: 'utf8' });
    const [, state, command = ''] = /^(\S)\S* +(.*)/.exec(ps.stdout.trim()) ?? [];
    // They only wait and read; see wrapper.ts.
    const isOfWrapper = isWrapperCommand(command) || isReaderCommand(command);
    return state === undefined || isOfWrapper ? [] : [state];
  });
}

function assertStandstill(found: Outcome, name: string): void {
  const states = processStates(found, name);
  // A shell whose child was stopped before exec waits for it in the kernel: 'D'.
  const areStill = states.every((state) => state === 'T' || state === 'D');
  assert.ok(areStill && states.includes('T'), `${name}: ${states}`);
}

/** Waits until the session is paused; unlike `settled`, does not wait until its owner has released it. */
async function paused(real: RealProject, id: SessionId): Promise<Outcome> {
  const { settled } = await waitForSession(real.project, id, { signal: AbortSignal.timeout(30_000) });
  const found = outcome(real, id);
  assert.ok(settled && found.state === 'paused', `${found.state}: ${found.events.map(({ type }) => type)}`);
  return found;
}

const reasonOf = (real: RealProject, id: SessionId) => real.project.store.summary(id).session.pauseReason;

describe('pausing', () => {
  it('lets agents that cannot be resumed stand still, starts nothing, and goes on where it was', async (t) => {
    if (lacksProcesses(t, 'looks at processes of the system')) return;
    const real = realProject(t);
    const gate = new Gate(real.root, 'go');
    const id = await start(real, [
      shell('a', `echo one; ${gate.wait}; echo two`),
      shell('b', `sleep 0.2 & ${gate.wait}; wait; echo b`),
      shell('next', 'echo next', { depends_on: ['a'] }),
    ]);
    for (const name of ['a', 'b']) await eventOf(real, id, 'agent.spawned', name);
    await requestPause(real.project, real.supervisor, id, 'test', 'A break.');
    const still = await paused(real, id);
    assert.equal(reasonOf(real, id), 'user');
    for (const name of ['a', 'b']) {
      assert.equal(still.agent(name).state, 'running');
      assert.equal(still.of('agent.suspended', name).length, 1);
      assertStandstill(still, name);
    }
    assert.deepEqual(still.of('session.requested')[0]?.data, {
      action: 'pause',
      agent: null,
      by: 'test',
      reason: 'A break.',
    });
    // The agent is stopped, so it does not notice the open gate.
    gate.openNow();
    await giveTimeTo('go on', 300);
    assert.equal(outcome(real, id).agent('a').state, 'running');
    assert.deepEqual(real.supervisor.owned, [id]);
    // A second request is not an error.
    await requestPause(real.project, real.supervisor, id, 'test', 'Again.');
    assert.equal(real.project.store.lastSeq(id), still.events.length);

    await requestResume(real.project, real.supervisor, id, 'test', 'Back.');
    const done = await settled(real, id);
    assert.equal(done.state, 'completed');
    assert.deepEqual(
      ['a', 'b', 'next'].map((name) => [done.agent(name).result, done.agent(name).attempt]),
      [
        ['one\ntwo', 1],
        ['b', 1],
        ['next', 1],
      ],
    );
    assert.equal(done.of('agent.continued').length, 2);
    assert.equal(done.of('session.resumed').length, 1);
  });

  it('interrupts agents that can be resumed, and starts them again with their conversation', async (t) => {
    if (lacksProcesses(t, 'looks at processes of the system')) return;
    const team = claudeProject(t);
    const id = await start(team, [
      player(team.root, 'talker', [
        [turn(100, 'First half.'), { make: 'talking' }, { ms: 60_000 }],
        [turn(100, 'Second half.'), success('Whole.', 200)],
      ]),
    ]);
    await until(() => existsSync(join(team.root, 'talking')));
    await requestPause(team.project, team.supervisor, id, 'test', 'A break.');
    const still = await settled(team, id);
    assert.deepEqual([still.state, still.agent('talker').state], ['paused', 'resumable']);
    assert.equal(still.of('agent.interrupted', 'talker')[0]?.data.reason, 'A break.');
    assert.deepEqual(agentProcesses([still.agent('talker').id]), []);
    assert.equal(team.project.store.ownerOf(id), null, 'nothing is left to look after');

    await requestResume(team.project, team.supervisor, id, 'test', 'Back.');
    const done = await settled(team, id);
    assert.deepEqual([done.state, done.agent('talker').result], ['completed', 'Whole.']);
    const [first, second, ...more] = startsOf(team.root, 'talker');
    assert.deepEqual([first, more], [null, []]);
    assert.equal(second, still.agent('talker').conversation);
    assert.ok(second);
    assert.equal(done.agent('talker').usage?.inputTokens, 200);
  });

  it('does not use up the time limit of what stands still', async (t) => {
    const clock = new SteeredClock();
    const real = realProject(t, { clock });
    const gate = new Gate(real.root, 'go');
    const id = await start(real, [shell('a', gate.wait, { timeout_minutes: 5 })]);
    await eventOf(real, id, 'agent.spawned', 'a');
    await requestPause(real.project, real.supervisor, id, 'test', 'A break.');
    await paused(real, id);
    await clock.pass(10 * 60_000);
    gate.openNow();
    await requestResume(real.project, real.supervisor, id, 'test', 'Back.');
    assert.equal((await settled(real, id)).state, 'completed');
  });

  it('and cancelling then ends what stands still', async (t) => {
    const real = realProject(t);
    const id = await start(real, [
      shell('a', 'sleep 300 & sleep 300'),
      shell('next', 'echo never', { depends_on: ['a'] }),
    ]);
    await eventOf(real, id, 'agent.spawned', 'a');
    await requestPause(real.project, real.supervisor, id, 'test', 'A break.');
    await paused(real, id);
    await requestCancel(real.project, real.supervisor, id, 'test', 'Enough.');
    await eventOf(real, id, 'session.cancelled');
    const ended = await settled(real, id);
    assert.deepEqual([ended.agent('a').state, ended.agent('next').state], ['cancelled', 'cancelled']);
    assert.deepEqual(agentProcesses([ended.agent('a').id]), []);
  });

  it('taken back before it has come about leaves the session running', async (t) => {
    const real = realProject(t);
    const gate = new Gate(real.root, 'go');
    const id = await start(real, [shell('a', gate.wait)]);
    await eventOf(real, id, 'agent.spawned', 'a');
    const { project, supervisor } = real;
    const asked = [
      requestPause(project, supervisor, id, 'test', 'A break.'),
      requestResume(project, supervisor, id, 'test', 'No.'),
    ];
    await Promise.all(asked);
    gate.openNow();
    const done = await settled(real, id);
    assert.equal(done.state, 'completed');
    assert.deepEqual(done.of('agent.suspended').length, done.of('agent.continued').length);
  });

  it('is refused once the session has ended, naming both states', async (t) => {
    const real = realProject(t);
    const id = await start(real, [shell('a', 'true')]);
    await settled(real, id);
    const details = { sessionId: id, from: 'completed' };
    const { project, supervisor } = real;
    await assert.rejects(requestPause(project, supervisor, id, 'test', 'Late.'), {
      code: 'INVALID_TRANSITION',
      message: `Session ${id} cannot be paused: it has completed.`,
      details: { ...details, to: 'paused' },
    });
    await assert.rejects(requestResume(project, supervisor, id, 'test', 'Late.'), {
      code: 'INVALID_TRANSITION',
      details: { ...details, to: 'running' },
    });
  });
});

describe('one agent', () => {
  it('can be cancelled, with what depends on it, while the others go on', async (t) => {
    const real = realProject(t);
    const gate = new Gate(real.root, 'go');
    const id = await start(real, [
      shell('a', 'sleep 300'),
      shell('after', 'echo never', { depends_on: ['a'] }),
      shell('b', gate.wait),
      shell('c', 'echo never', { depends_on: ['b'] }),
    ]);
    for (const name of ['a', 'b']) await eventOf(real, id, 'agent.spawned', name);
    const { project, supervisor } = real;
    const cancel = (name: string) =>
      requestCancel(project, supervisor, id, 'test', 'Not this one.', outcome(real, id).agent(name).id);
    await cancel('a');
    await cancel('c');
    await eventOf(real, id, 'agent.cancelled', 'after');
    await eventOf(real, id, 'agent.cancelled', 'c');
    gate.openNow();
    const done = await settled(real, id);
    assert.equal(done.agent('b').state, 'completed');
    assert.equal(done.of('agent.cancelled', 'a')[0]?.data.reason, 'Not this one.');
    await assert.rejects(cancel('b'), { code: 'INVALID_TRANSITION', message: /already completed/ });
  });
});

describe('a paused session whose owner is gone', () => {
  it('is taken over by whoever resumes it: what stands still goes on', async (t) => {
    if (lacksProcesses(t, 'kills a maos or its agents from outside')) return;
    const real = realProject(t);
    const other = await otherMaos(t, real);
    const gate = new Gate(real.root, 'go');
    const id = await other.start({
      objective: 'x',
      agents: [shell('a', `echo one; ${gate.wait}; echo two`)],
    });
    await other.event(({ type }) => type === 'agent.spawned');
    await requestPause(real.project, real.supervisor, id, 'test', 'A break.');
    const still = await paused(real, id);
    await other.kill();
    assertStandstill(still, 'a');
    gate.openNow();
    await requestResume(real.project, real.supervisor, id, 'test', 'Back.');
    const done = await settled(real, id);
    assert.deepEqual(
      [done.state, done.agent('a').result, done.agent('a').attempt],
      ['completed', 'one\ntwo', 1],
    );
    assert.equal(done.of('agent.continued', 'a').length, 1);
  });

  it('is taken over by whoever cancels it', async (t) => {
    const real = realProject(t);
    const other = await otherMaos(t, real);
    const id = await other.start({ objective: 'x', agents: [shell('a', 'sleep 300')] });
    await other.event(({ type }) => type === 'agent.spawned');
    await requestPause(real.project, real.supervisor, id, 'test', 'A break.');
    await paused(real, id);
    await other.kill();
    await requestCancel(real.project, real.supervisor, id, 'test', 'Enough.');
    await eventOf(real, id, 'session.cancelled');
    const ended = await settled(real, id);
    assert.deepEqual(agentProcesses([ended.agent('a').id]), []);
  });
});

describe('pausing what cannot be made to stand still', () => {
  it('is refused with the reason after some tries, and everything goes on', async (t) => {
    const real = realProject(t);
    const { host } = real.project;
    const startAgent = host.start.bind(host);
    t.mock.method(host, 'start', async (...args: Parameters<typeof startAgent>) => {
      const running = await startAgent(...args);
      if (args[1].name !== 'wild') return running;
      return { ...running, suspend: () => Promise.reject(new Error('process 7 still moves')) };
    });
    const gate = new Gate(real.root, 'go');
    const id = await start(real, [shell('wild', gate.wait), shell('tame', `${gate.wait}; echo done`)]);
    for (const name of ['wild', 'tame']) await eventOf(real, id, 'agent.spawned', name);
    const request = { action: 'pause', agentId: null, by: 'test', reason: 'Wait.' } as const;
    await assert.rejects(controlUntilReached({ ...real, id }, request, AbortSignal.timeout(30_000)), {
      code: 'INVALID_TRANSITION',
      message: /refused the pause\. wild: process 7 still moves/,
    });
    await eventOf(real, id, 'agent.continued', 'tame');
    assert.equal(outcome(real, id).state, 'running');
    assert.deepEqual(real.project.store.requestsFor(real.project.instance), []);
    gate.openNow();
    const done = await settled(real, id);
    assert.deepEqual([done.state, done.agent('tame').result], ['completed', 'done']);
  });
});

describe('resuming a session that is not paused', () => {
  it('is refused, naming its state; nothing is recorded', async (t) => {
    const real = realProject(t);
    const gate = new Gate(real.root, 'go');
    const id = await start(real, [shell('a', gate.wait)]);
    await eventOf(real, id, 'agent.spawned', 'a');
    const before = real.project.store.lastSeq(id);
    await assert.rejects(requestResume(real.project, real.supervisor, id, 'test', 'Go on.'), {
      code: 'INVALID_TRANSITION',
      message: /cannot be resumed: it is running\. Follow it with 'maos attach/,
    });
    assert.equal(real.project.store.lastSeq(id), before);
    gate.openNow();
    assert.equal((await settled(real, id)).state, 'completed');
  });
});
