import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { describe, it } from 'node:test';
import { requestPause, requestResume } from '../../../src/application/control/control.ts';
import { liveStatusOf } from '../../../src/application/queries/live-status.ts';
import type { SessionId } from '../../../src/domain/ids.ts';
import { agentProcesses } from '../../helpers/agent-processes.ts';
import { Gate } from '../../helpers/gate.ts';
import { otherMaos } from '../../helpers/other-maos.ts';
import {
  eventOf,
  lacksProcesses,
  outcome,
  type RealProject,
  realProject,
  settled,
  shell,
  start,
} from '../../helpers/real-project.ts';
import { until } from '../../helpers/waiting.ts';

/** What is told of it now: 'what: reason'. */
function troublesOf({ project: { store } }: RealProject, id: SessionId): readonly string[] {
  const { troubles } = liveStatusOf(store, store.load(id), Date.now());
  return troubles.map(({ what, reason }) => `${what}: ${reason}`);
}

/** A team that goes on step by step: each that ends is an occasion for a checkpoint. */
async function steps(real: RealProject) {
  const gates = ['one', 'two', 'three'].map((name) => new Gate(real.root, name));
  const id = await start(
    real,
    gates.map(({ wait }, index) => shell(`s${index}`, wait)),
  );
  await eventOf(real, id, 'agent.spawned', 's2');
  const next = async (index: number) => {
    gates[index]?.openNow();
    await eventOf(real, id, 'agent.completed', `s${index}`);
  };
  return { id, next };
}

describe('what fails beside the work of a session', () => {
  it('checkpoints: told once, shown while they fail, and told when they are written again', async (t) => {
    const real = realProject(t);
    const { maintenance } = real.project.files;
    const write = maintenance.writeCheckpoint.bind(maintenance);
    let tries = 0;
    const broken = t.mock.method(maintenance, 'writeCheckpoint', async () => {
      tries += 1;
      throw new Error(`no room for checkpoint ${tries}`);
    });
    const { id, next } = await steps(real);
    const { data } = await eventOf(real, id, 'session.degraded');
    assert.equal(data.part, 'checkpoints');
    assert.match(data.reason, /^no room for checkpoint 1/);
    assert.deepEqual(troublesOf(real, id), [`checkpoints: ${data.reason}`]);
    await next(0);
    broken.mock.mockImplementation(write);
    await next(1);
    await eventOf(real, id, 'session.restored');
    assert.deepEqual(troublesOf(real, id), []);
    await next(2);
    const { of } = await settled(real, id);
    assert.deepEqual([of('session.degraded').length, of('session.restored').length], [1, 1]);
  });

  it('the log of its events', async (t) => {
    const real = realProject(t);
    const { files } = real.project;
    const append = files.appendLog.bind(files);
    const broken = t.mock.method(files, 'appendLog', async () => {
      throw new Error('no room');
    });
    const { id, next } = await steps(real);
    const { data } = await eventOf(real, id, 'session.degraded');
    assert.deepEqual(data, { part: 'session.log', reason: 'no room' });
    broken.mock.mockImplementation(append);
    await next(0);
    await eventOf(real, id, 'session.restored');
    await next(1);
    await next(2);
    await settled(real, id);
  });

  it('its places on the machine', async (t) => {
    const real = realProject(t);
    const { slots } = real.project.host.capacity;
    const bind = slots.bind.bind(slots);
    const broken = t.mock.method(slots, 'bind', () => {
      throw new Error('its file is locked');
    });
    const { id, next } = await steps(real);
    const { data } = await eventOf(real, id, 'session.degraded');
    assert.deepEqual(data, { part: 'slots', reason: 'its file is locked' });
    broken.mock.mockImplementation(bind);
    await eventOf(real, id, 'session.restored');
    for (const index of [0, 1, 2]) await next(index);
    assert.equal((await settled(real, id)).of('session.degraded').length, 1);
  });

  it('is forgotten by no owner: the next one tells when it works again', async (t) => {
    const real = realProject(t);
    const { id, next } = await steps(real);
    const db = new DatabaseSync(real.database);
    t.after(() => db.close());
    const { maintenance } = real.project.files;
    const write = maintenance.writeCheckpoint.bind(maintenance);
    const broken = t.mock.method(maintenance, 'writeCheckpoint', async () => {
      throw new Error('no room');
    });
    await next(0);
    await eventOf(real, id, 'session.degraded');
    await real.supervisor.releaseAll();
    broken.mock.mockImplementation(write);
    await real.supervisor.takeOver(id);
    await next(1);
    await eventOf(real, id, 'session.restored');
    await next(2);
    await settled(real, id);
  });
});

describe('an agent that MAOS cannot act on', () => {
  it('because its processes do not go on: told, shown, tried until they do', async (t) => {
    const real = realProject(t);
    const { host } = real.project;
    const begin = host.start.bind(host);
    let isBroken = true;
    t.mock.method(host, 'start', async (...args: Parameters<typeof begin>) => {
      const running = await begin(...args);
      const resume = async () => {
        if (isBroken) throw new Error('not permitted');
        await running.resume();
      };
      return { ...running, resume };
    });
    const gate = new Gate(real.root, 'go');
    const id = await start(real, [shell('long', gate.wait)]);
    await eventOf(real, id, 'agent.spawned', 'long');
    await requestPause(real.project, real.supervisor, id, 'test', 'Stop.');
    await eventOf(real, id, 'session.paused');
    await requestResume(real.project, real.supervisor, id, 'test', 'Go.');
    const { data } = await eventOf(real, id, 'agent.unreachable', 'long');
    assert.match(data.reason, /did not continue: not permitted/);
    assert.deepEqual(troublesOf(real, id), [`long: ${data.reason}`]);
    isBroken = false;
    await eventOf(real, id, 'agent.continued', 'long');
    assert.deepEqual(troublesOf(real, id), []);
    gate.openNow();
    const ended = await settled(real, id);
    assert.deepEqual([ended.state, ended.of('agent.unreachable').length], ['completed', 1]);
  });

  it('because its processes cannot be seen from here: told, and shown until its end', async (t) => {
    if (lacksProcesses(t, 'kills a maos or its agents from outside')) return;
    const real = realProject(t);
    const other = await otherMaos(t, real);
    const gate = new Gate(real.root, 'go');
    const id = await other.start({ objective: 'x', agents: [shell('long', `echo done; ${gate.wait}`)] });
    await other.event(({ type }) => type === 'agent.spawned');
    await other.kill();
    const agent = outcome(real, id).agent('long').id;
    const folder = real.files.describe(id, `agents/${agent}`);
    // As if it ran in a container: its processes are none of those that are seen here.
    await until(() => readFileSync(join(folder, 'stdout.log'), 'utf8').includes('done'));
    // One that is killed takes others with it.
    spawnSync('kill', ['-KILL', ...agentProcesses([agent]).map(String)]);
    await until(() => agentProcesses([agent]).length === 0);
    rmSync(join(folder, 'exit.json'), { force: true });
    const { place, ...claim } = JSON.parse(readFileSync(join(folder, 'launch.1'), 'utf8'));
    const elsewhere = String(place).replace(/\d+$/, '1');
    writeFileSync(join(folder, 'launch.1'), JSON.stringify({ ...claim, place: elsewhere }));
    await real.supervisor.takeOver(id, real.project.store.ownerOf(id));
    const { data } = await eventOf(real, id, 'agent.unreachable', 'long');
    assert.match(data.reason, /cannot see its processes/);
    assert.deepEqual(troublesOf(real, id), [`long: ${data.reason}`]);
    writeFileSync(join(folder, 'exit.json'), '{"attempt":1,"status":0}');
    const ended = await settled(real, id);
    assert.deepEqual([ended.state, ended.agent('long').result], ['completed', 'done']);
    assert.deepEqual(troublesOf(real, id), []);
  });
});

it('a session that cannot be read keeps no other from being taken over', async (t) => {
  if (lacksProcesses(t, 'kills a maos or its agents from outside')) return;
  const real = realProject(t);
  const other = await otherMaos(t, real);
  const gate = new Gate(real.root, 'go');
  const ids: SessionId[] = [];
  for (const name of ['spoilt', 'sound']) {
    const id = await other.start({ objective: name, agents: [shell('long', gate.wait)] });
    await other.event((event) => event.type === 'agent.spawned' && event.sessionId === id);
    ids.push(id);
  }
  const [spoilt, sound] = ids as [SessionId, SessionId];
  await other.kill();
  const db = new DatabaseSync(real.database);
  t.after(() => db.close());
  db.exec('PRAGMA ignore_check_constraints = ON');
  db.prepare('UPDATE sessions SET budget = ? WHERE id = ?').run('{', spoilt);
  assert.throws(() => real.project.store.load(spoilt));

  assert.deepEqual(await real.watch.look(), [sound]);
  assert.equal(real.project.store.ownerOf(spoilt), null, 'nobody keeps what nobody can run');
  assert.equal(real.supervisor.isQuarantined(spoilt), true);
  gate.openNow();
  assert.equal((await settled(real, sound)).state, 'completed');
});
