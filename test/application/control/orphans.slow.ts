import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { describe, it } from 'node:test';
import type { OwnershipTiming } from '../../../src/application/session/supervisor.ts';
import type { SessionId } from '../../../src/domain/ids.ts';
import { pauseSession, startSession } from '../../../src/domain/session-life.ts';
import { agentProcesses } from '../../helpers/agent-processes.ts';
import { Gate } from '../../helpers/gate.ts';
import { otherMaos } from '../../helpers/other-maos.ts';
import {
  eventOf,
  lacksProcesses,
  outcome,
  realProject,
  settled,
  shell,
  start,
} from '../../helpers/real-project.ts';
import { SteeredClock } from '../../helpers/steered-clock.ts';
import { until } from '../../helpers/waiting.ts';

const timing: OwnershipTiming = { heartbeatMs: 100, leaseTtlMs: 700, lookMs: 50 };
/** An owner keeps its sessions until it is known to be dead, however slow it is. */
const forAnHour: OwnershipTiming = { ...timing, leaseTtlMs: 3_600_000 };
const isSpawned = ({ type }: { readonly type: string }): boolean => type === 'agent.spawned';

describe('sessions whose maos was killed', () => {
  it('are taken over by a maos that stays, without being asked; only by it once', async (t) => {
    if (lacksProcesses(t, 'kills a maos or its agents from outside')) return;
    const real = realProject(t, { timing: forAnHour });
    const other = await otherMaos(t, real);
    const gate = new Gate(real.root, 'go');
    const id = await other.start({
      objective: 'Go on.',
      agents: [
        shell('live', `echo one; ${gate.wait}; echo two`),
        shell('next', 'cat', { depends_on: ['live'] }),
      ],
    });
    await other.event(isSpawned);
    real.watch.start();
    assert.deepEqual(await real.watch.look(), [], 'its owner lives');
    await other.kill();
    // Its lease would be valid for an hour.
    await until(() => real.supervisor.owned.includes(id));
    gate.openNow();
    const after = await settled(real, id);
    assert.deepEqual([after.state, after.agent('live').result], ['completed', 'one\ntwo']);
    assert.deepEqual([after.agent('live').attempt, after.agent('next').attempt], [1, 1]);
  });

  it('are shared by processes that start at the same time, each going to one of them', async (t) => {
    if (lacksProcesses(t, 'kills a maos or its agents from outside')) return;
    const real = realProject(t);
    const other = await otherMaos(t, real);
    const gate = new Gate(real.root, 'go');
    const ids: SessionId[] = [];
    for (let n = 0; n < 10; n++) {
      const name = `s${n}`;
      const again = shell('after', `echo after-${name} >>ran.txt`, { depends_on: ['first'] });
      const first = shell('first', `echo first-${name} >>ran.txt; ${gate.wait}`);
      ids.push(await other.start({ objective: name, agents: [first, again] }));
    }
    for (const id of ids) await eventOf(real, id, 'agent.spawned', 'first');
    const newOwners = await Promise.all([1, 2, 3, 4].map(() => otherMaos(t, real, { timing: forAnHour })));
    const owner = real.project.store.ownerOf(ids[0] as SessionId);
    for (const newOwner of newOwners) newOwner.watch();
    await other.kill();
    await until(() => ids.every((id) => real.project.store.ownerOf(id) !== owner));
    gate.openNow();
    for (const id of ids) {
      const after = await settled(real, id);
      assert.equal(after.state, 'completed');
      for (const name of ['first', 'after']) {
        assert.deepEqual([after.of('agent.started', name).length, after.agent(name).attempt], [1, 1], name);
      }
    }
    const ran = (await readFile(join(real.root, 'ran.txt'), 'utf8')).trimEnd().split('\n');
    const all = ids.flatMap((_, n) => [`first-s${n}`, `after-s${n}`]);
    assert.deepEqual(ran.toSorted(), all.toSorted());
    const db = new DatabaseSync(real.database, { readOnly: true });
    t.after(() => db.close());
    const epochs = db.prepare('SELECT DISTINCT owner_epoch FROM sessions').all();
    assert.deepEqual(
      epochs.map((row) => row.owner_epoch),
      [2],
      'each changed hands once',
    );
    for (const newOwner of newOwners) {
      newOwner.process.stdin?.end();
      await once(newOwner.process, 'exit');
    }
  });

  it('stop where their owner announced its exit and their policy is to stop; the others go on', async (t) => {
    const real = realProject(t, { timing });
    const other = await otherMaos(t, real);
    const gate = new Gate(real.root, 'go');
    const [stop, keep] = [
      await other.start({ objective: 'x', on_exit: 'stop', agents: [shell('a', 'sleep 300')] }),
      await other.start({ objective: 'x', on_exit: 'keep', agents: [shell('a', gate.wait)] }),
    ];
    for (const id of [stop, keep]) await eventOf(real, id, 'agent.spawned');
    const owner = real.project.store.ownerOf(stop) ?? assert.fail();
    real.project.store.announceExit(owner);
    await other.kill();
    assert.deepEqual((await real.watch.look()).toSorted(), [stop, keep].toSorted());
    await until(() => outcome(real, stop).state !== 'running');
    assert.deepEqual(agentProcesses([outcome(real, stop).agent('a').id]), []);
    assert.equal(outcome(real, keep).state, 'running');
    gate.openNow();
    assert.equal((await settled(real, keep)).state, 'completed');
  });
});

describe('an owner that stood still for longer than its lease', () => {
  it('finds another owner when it comes back, stands down and touches no process', async (t) => {
    if (lacksProcesses(t, 'kills a maos or its agents from outside')) return;
    const real = realProject(t, { timing });
    const stale = await otherMaos(t, real, { timing });
    const gate = new Gate(real.root, 'go');
    const id = await stale.start({
      objective: 'One owner.',
      agents: [
        shell('long', `echo one; ${gate.wait}; echo two`),
        shell('next', 'echo three', { depends_on: ['long'] }),
      ],
    });
    await stale.event(isSpawned);
    const first = real.project.store.ownerOf(id);
    await stale.suspend();
    real.watch.start();
    await eventOf(real, id, 'session.taken_over');
    const { agent } = outcome(real, id);
    // Its wrapper and its shell; the commands with which it waits change.
    const lasting = agentProcesses([agent('long').id]).slice(0, 2);
    const seq = real.project.store.lastSeq(id);
    stale.process.kill('SIGCONT');
    // Once it runs nothing, it ends with its stdin. The agent is still running, so it ends only if it gives up the
    // session.
    const exited = once(stale.process, 'exit');
    stale.process.stdin?.end();
    await exited;
    const left = agentProcesses([agent('long').id]);
    assert.deepEqual(lasting.length, 2);
    assert.deepEqual(
      lasting.filter((line) => !left.includes(line)),
      [],
    );
    assert.equal(real.project.store.lastSeq(id), seq, 'it stored nothing');
    assert.deepEqual(
      [real.project.store.ownerOf(id), first === real.project.instance],
      [real.project.instance, false],
    );
    gate.openNow();
    const after = await settled(real, id);
    assert.equal(after.state, 'completed');
    assert.deepEqual([after.agent('long').result, after.agent('long').attempt], ['one\ntwo', 1]);
    assert.equal(after.agent('next').attempt, 1);
  });

  it('loses no session that nobody wanted meanwhile', async (t) => {
    const real = realProject(t, { timing });
    const still = await otherMaos(t, real, { timing });
    const gate = new Gate(real.root, 'go');
    const id = await still.start({ objective: 'x', agents: [shell('a', gate.wait)] });
    await still.event(isSpawned);
    await still.suspend();
    const stoppedAt = Date.now();
    await until(() => Date.now() > stoppedAt + timing.leaseTtlMs, 'its lease to run out');
    const owner = real.project.store.ownerOf(id);
    still.process.kill('SIGCONT');
    gate.openNow();
    assert.equal((await settled(real, id)).state, 'completed');
    assert.notEqual(owner, real.project.instance);
  });
});

describe('sessions paused for quota', () => {
  for (const autoResume of [true, false]) {
    it(`${autoResume ? 'go on' : 'stay'} when their time has come, by the setting`, async (t) => {
      const quota = { maxRetries: 3, baseDelayMs: 100, maxDelayMs: 1_000, autoResume, refusedMs: null };
      const clock = new SteeredClock();
      const real = realProject(t, { clock, timing, settings: { quota } });
      const maker = realProject(t, { home: real.home, root: real.root });
      const id = await start(maker, [shell('a', 'echo ran')]);
      // Before the first round of its loop, so that no agent has started.
      await maker.supervisor.releaseAll();
      const { store, instance, instances } = maker.project;
      await instances.announce();
      const lease = store.acquire(id, instance, { staleBefore: clock.now() }) ?? assert.fail();
      const created = store.load(id);
      const started = startSession(created, clock.now());
      store.commit(lease, created, started);
      const resumeAt = new Date(Date.now() + 3_600_000).toISOString();
      store.commit(
        lease,
        started.next,
        pauseSession(started.next, { reason: 'quota', resumeAt }, clock.now()),
      );
      store.release(lease);
      await real.watch.look();
      assert.equal(outcome(real, id).state, 'paused', 'not before its time');
      clock.offsetMs = 3_600_000;
      await real.watch.look();
      if (!autoResume) return assert.equal(outcome(real, id).state, 'paused');
      const after = await settled(real, id);
      assert.deepEqual([after.state, after.agent('a').result], ['completed', 'ran']);
    });
  }
});
