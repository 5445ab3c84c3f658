import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { requestCancel } from '../../../src/application/control/control.ts';
import { followEvents } from '../../../src/application/queries/event-feed.ts';
import { ownershipTiming } from '../../../src/application/session/supervisor.ts';
import { MaosError } from '../../../src/domain/errors.ts';
import type { SessionId } from '../../../src/domain/ids.ts';
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

/** An owner that has been heard of just now. */
const longAgo = '2000-01-01T00:00:00.000Z';
const soon = () => new Date(Date.now() + 60_000).toISOString();

describe('after kill -9 of the owner', () => {
  it('another MAOS removes what an ended session has left on its way to other machines', async (t) => {
    const real = realProject(t);
    const next = realProject(t, { home: real.home, root: real.root });
    const refused = new MaosError('SPAWN_FAILED', 'No host takes it.');
    const [begun, again] = [Promise.withResolvers<SessionId>(), Promise.withResolvers<SessionId>()];
    const over = Promise.withResolvers<void>();
    Object.assign(real.project.host, {
      order: () => Promise.reject(refused),
      forget: (id: SessionId) => {
        begun.resolve(id);
        return over.promise;
      },
    });
    Object.assign(next.project.host, { forget: async (id: SessionId) => again.resolve(id) });
    const id = await start(real, [shell('far', 'true', { pool: 'gpu' })]);
    assert.equal(await begun.promise, id);
    assert.equal(outcome(real, id).state, 'failed');
    const owner = real.project.store.ownerOf(id);
    assert.notEqual(owner, null);
    await next.supervisor.takeOver(id, owner);
    assert.equal(await again.promise, id);
    over.resolve();
    await next.supervisor.released(id);
    assert.equal(next.project.store.ownerOf(id), null);
  });

  it('another MAOS adopts what runs, settles what ended, starts what never did, and runs nothing twice', async (t) => {
    if (lacksProcesses(t, 'kills a maos or its agents from outside')) return;
    const real = realProject(t);
    const other = await otherMaos(t, real);
    const gates = new Gate(real.root, 'live');
    const [ended, isDead] = [new Gate(real.root, 'ended'), new Gate(real.root, 'dead')];
    const mark = (name: string) => `echo ${name} >>ran.txt`;
    const id = await other.start({
      objective: 'Survive.',
      agents: [
        shell('done', `${mark('done')}; echo finished before`),
        shell(
          'live',
          `${mark('live')}; echo one; ${gates.wait}; echo two; echo "in $MAOS_SHARED_CONTEXT" >&2`,
          {
            depends_on: ['done'],
          },
        ),
        shell('orphan', `${mark('orphan')}; ${isDead.wait}; echo alone; ${ended.open}`, {
          depends_on: ['done'],
        }),
        shell('next', `${mark('next')}; cat`, { depends_on: ['live', 'orphan'] }),
      ],
    });
    for (const name of ['live', 'orphan']) {
      await other.event(({ type, data }) => type === 'agent.spawned' && 'name' in data && data.name === name);
    }
    const owner = real.project.store.ownerOf(id);
    await other.kill();
    isDead.openNow();
    // It ends while nobody looks after it.
    await until(() => ended.isOpen && agentProcesses([outcome(real, id).agent('orphan').id]).length === 0);
    assert.equal(outcome(real, id).agent('orphan').state, 'running');

    assert.equal(await real.project.instances.isAlive(owner ?? assert.fail()), false);
    assert.equal(await real.supervisor.takeOver(id, owner), true);
    await eventOf(real, id, 'agent.completed', 'orphan');
    assert.notDeepEqual(agentProcesses([outcome(real, id).agent('live').id]), [], 'it was not touched');
    gates.openNow();
    const after = await settled(real, id);
    assert.equal(after.state, 'completed');
    assert.equal(after.agent('live').result, 'one\ntwo');
    assert.equal(after.agent('orphan').result, 'alone');
    assert.match(after.agent('next').result ?? '', /last message is your result/);
    for (const name of ['done', 'live', 'orphan', 'next']) {
      assert.deepEqual([after.of('agent.started', name).length, after.agent(name).attempt], [1, 1], name);
    }
    const ran = (await readFile(join(real.root, 'ran.txt'), 'utf8')).trimEnd().split('\n');
    assert.deepEqual(ran.toSorted(), ['done', 'live', 'next', 'orphan']);
    const log = await readFile(join(real.files.describe(id), 'session.log'), 'utf8');
    assert.deepEqual(
      log
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line)),
      after.events.map((event) => ({ ...event })),
    );
  });

  it('a request to cancel takes the session over and ends its agents', async (t) => {
    if (lacksProcesses(t, 'kills a maos or its agents from outside')) return;
    const real = realProject(t);
    const other = await otherMaos(t, real);
    const id = await other.start({ objective: 'x', agents: [shell('long', 'sleep 300 & sleep 300')] });
    await other.event(({ type }) => type === 'agent.spawned');
    await other.kill();
    await requestCancel(real.project, real.supervisor, id, 'test', 'Enough.');
    const after = await settled(real, id);
    assert.deepEqual([after.state, after.agent('long').state], ['cancelled', 'cancelled']);
    assert.deepEqual(agentProcesses([after.agent('long').id]), []);
  });

  it('an agent that cannot be taken up is tried again, and this is seen', async (t) => {
    if (lacksProcesses(t, 'kills a maos or its agents from outside')) return;
    const real = realProject(t);
    const other = await otherMaos(t, real);
    const gate = new Gate(real.root, 'go');
    const id = await other.start({ objective: 'x', agents: [shell('long', `${gate.wait}; echo done`)] });
    await other.event(({ type }) => type === 'agent.spawned');
    await other.kill();
    const { host } = real.project;
    const attach = host.attach.bind(host);
    let isBroken = true;
    t.mock.method(host, 'attach', async (...args: Parameters<typeof attach>) => {
      if (isBroken) throw new Error('its folder cannot be read');
      return attach(...args);
    });
    await real.supervisor.takeOver(id, real.project.store.ownerOf(id));
    const { data } = await eventOf(real, id, 'agent.unreachable', 'long');
    assert.equal(data.reason, 'its folder cannot be read');
    isBroken = false;
    gate.openNow();
    const after = await settled(real, id);
    assert.deepEqual([after.state, after.agent('long').result], ['completed', 'done']);
    assert.equal(after.of('agent.unreachable').length, 1);
    assert.equal(after.of('agent.reached', 'long').length, 1);
  });

  it('the time an agent ran before counts against its limit', async (t) => {
    if (lacksProcesses(t, 'kills a maos or its agents from outside')) return;
    const real = realProject(t);
    const other = await otherMaos(t, real);
    const id = await other.start({
      objective: 'x',
      agents: [shell('slow', 'sleep 300', { timeout_minutes: 0.04 })],
    });
    await other.event(({ type }) => type === 'agent.spawned');
    await other.kill();
    await until(() => Date.now() - Date.parse(outcome(real, id).agent('slow').startedAt ?? '') > 2_400);
    const from = Date.now();
    await real.supervisor.takeOver(id, real.project.store.ownerOf(id));
    const after = await settled(real, id);
    assert.equal(after.agent('slow').failure?.kind, 'timeout');
    assert.ok(Date.now() - from < 2_000, 'at once');
  });

  it('an agent that was killed too, without a trace of its end, has failed as lost', async (t) => {
    if (lacksProcesses(t, 'kills a maos or its agents from outside')) return;
    const real = realProject(t);
    const other = await otherMaos(t, real);
    const id = await other.start({ objective: 'x', agents: [shell('gone', 'sleep 300')] });
    await other.event(({ type }) => type === 'agent.spawned');
    await other.kill();
    const processes = agentProcesses([outcome(real, id).agent('gone').id]);
    for (const pid of processes) process.kill(pid, 'SIGKILL');
    assert.ok(processes.length > 0);
    await real.supervisor.takeOver(id, real.project.store.ownerOf(id));
    const after = await settled(real, id);
    assert.deepEqual([after.state, after.agent('gone').failure?.kind], ['failed', 'lost']);
  });

  for (const [how, agent] of [
    ['exited with an error', shell('bad', `echo bad >>ran.txt; exit 3`)],
    ['could not be started', shell('bad', '', { command: ['no-such-program-anywhere'] })],
    ['was killed with all it had started', shell('bad', 'echo bad >>ran.txt; kill -9 0')],
    ['was over its time', shell('bad', 'echo bad >>ran.txt; sleep 300', { timeout_minutes: 0.01 })],
  ] as const) {
    it(`an agent that ${how}, its end stored, has failed and is not run again`, async (t) => {
      const real = realProject(t);
      const other = await otherMaos(t, real);
      const gate = new Gate(real.root, 'end');
      const id = await other.start({ objective: 'x', agents: [agent, shell('long', gate.wait)] });
      await other.event(({ type }) => type === 'agent.failed');
      await other.kill();
      assert.equal(await real.supervisor.takeOver(id, real.project.store.ownerOf(id)), true);
      gate.openNow();
      const after = await settled(real, id);
      assert.deepEqual(
        [after.state, after.agent('bad').state, after.agent('bad').attempt],
        ['failed', 'failed', 1],
      );
      assert.equal(after.of('agent.started', 'bad').length, 1);
      const ran = await readFile(join(real.root, 'ran.txt'), 'utf8').catch(() => '');
      assert.equal(ran, how === 'could not be started' ? '' : 'bad\n');
    });
  }

  it('a session whose owner died over its files has them finished, and nothing runs again', async (t) => {
    const real = realProject(t);
    const { files, store } = real.project;
    const append = files.appendLog.bind(files);
    const goOn = Promise.withResolvers<void>();
    // As if it were killed between the last commit and the copy of it.
    files.appendLog = () => goOn.promise;
    const id = await start(real, [shell('a', 'echo ran >>ran.txt')]);
    await eventOf(real, id, 'session.completed');
    const newOwner = realProject(t, { home: real.home, root: real.root });
    assert.equal(await files.lastLogged(id), 0);
    assert.equal(await newOwner.supervisor.takeOver(id, real.project.instance), true);
    await newOwner.supervisor.idle();
    assert.equal(await files.lastLogged(id), store.lastSeq(id));
    assert.deepEqual([store.ownerOf(id), store.unfinished()], [null, []]);
    assert.equal(await readFile(join(real.root, 'ran.txt'), 'utf8'), 'ran\n');
    files.appendLog = append;
    goOn.resolve();
  });

  it('leaves nobody the files of a session that has settled when it is handed over', async (t) => {
    const real = realProject(t);
    const { files, project, supervisor } = real;
    const { store } = project;
    const ended = await start(real, [shell('a', 'echo ran')]);
    for await (const events of followEvents(project, ended, 0, AbortSignal.timeout(60_000))) {
      if (!events.some(({ type }) => type === 'session.completed')) continue;
      // In the same turn in which it is stored: what follows the store has not been brought after it.
      await supervisor.releaseAll();
      break;
    }
    assert.equal(store.ownerOf(ended), null);
    assert.equal(await files.lastLogged(ended), store.lastSeq(ended));
    const metadata = await readFile(join(files.describe(ended), 'metadata.json'), 'utf8');
    assert.match(metadata, /"state": "completed"/);
  });

  it('a session that had not even begun is run, or paused where it has to be interrupted', async (t) => {
    const real = realProject(t);
    const newOwner = realProject(t, { home: real.home, root: real.root });
    // Before the first turn of its loop: as if killed right after the answer.
    const left = async (command: string) => {
      const id = await start(real, [shell('a', command)]);
      await real.supervisor.releaseAll();
      return id;
    };
    const ids = [await left('echo ran'), await left('echo never')] as const;
    for (const id of ids) assert.equal(outcome(newOwner, id).state, 'created');
    await newOwner.supervisor.takeOver(ids[0]);
    assert.equal((await settled(newOwner, ids[0])).agent('a').result, 'ran');
    await newOwner.supervisor.takeOver(ids[1]);
    newOwner.supervisor.interrupt(ids[1], 'Not now.');
    const paused = await settled(newOwner, ids[1]);
    assert.deepEqual([paused.state, paused.agent('a').state], ['paused', 'pending']);
    assert.equal(newOwner.project.store.summary(ids[1]).session.pauseReason, 'interrupted');
  });
});

describe('a session that has an owner', () => {
  it('cannot be taken over from one that lives', async (t) => {
    const real = realProject(t);
    const newOwner = realProject(t, { home: real.home, root: real.root });
    const gate = new Gate(real.root, 'end');
    const id = await start(real, [shell('a', gate.wait)]);
    assert.equal(await newOwner.supervisor.takeOver(id), false);
    assert.deepEqual(newOwner.supervisor.owned, []);
    gate.openNow();
    assert.equal((await settled(real, id)).state, 'completed');
    assert.equal(await newOwner.supervisor.takeOver(id), true);
    assert.deepEqual(newOwner.supervisor.owned, [], 'it has ended: nothing is left to run');
  });

  it('is left alone by an owner that lost it: its agents go on under the new one', async (t) => {
    if (lacksProcesses(t, 'kills a maos or its agents from outside')) return;
    // Neither its heartbeat nor a limit may be what tells it: only the end of an agent.
    const clock = new SteeredClock();
    const timing = { ...ownershipTiming, heartbeatMs: 3_600_000 };
    const real = realProject(t, { clock, timing });
    const newOwner = realProject(t, { clock, timing, home: real.home, root: real.root });
    const [go, noticed] = [new Gate(real.root, 'go'), new Gate(real.root, 'noticed')];
    const id = await start(real, [
      shell('quick', noticed.wait),
      shell('long', `echo began; ${go.wait}; echo ended`),
      shell('limited', 'sleep 300', { timeout_minutes: 1 }),
      shell('next', 'echo after', { depends_on: ['long'] }),
    ]);
    for (const name of ['quick', 'long', 'limited']) await eventOf(real, id, 'agent.spawned', name);
    const { store, instance } = newOwner.project;
    assert.equal(store.acquire(id, instance, { staleBefore: longAgo }), null);
    const lease = store.acquire(id, instance, { staleBefore: soon() }) ?? assert.fail();
    const stored = store.load(id);
    const log = join(real.files.describe(id), 'metadata.json');
    const metadata = await readFile(log, 'utf8');
    // Its own agent ends: the old owner wants to store that, and finds out.
    noticed.openNow();
    await real.supervisor.idle();
    assert.ok(real.logged.includes('warn lease lost: the session has another owner'), real.logged.join('\n'));
    assert.deepEqual(store.load(id), stored, 'it stored nothing');
    assert.equal(await readFile(log, 'utf8'), metadata, 'nor touched the files');
    assert.equal(store.ownerOf(id), instance);
    // The limit of an agent it does not own any more is none of its business.
    await clock.pass(120_000);
    assert.notDeepEqual(agentProcesses([stored.agents[2]?.id ?? '']), []);
    go.openNow();
    newOwner.supervisor.take(lease, store.load(id));
    await eventOf(newOwner, id, 'agent.completed', 'next');
    await clock.passUntil(() => outcome(newOwner, id).agent('limited').state === 'failed');
    const after = await settled(newOwner, id);
    assert.equal(after.agent('quick').state, 'completed');
    assert.deepEqual([after.agent('long').result, after.agent('long').attempt], ['began\nended', 1]);
    assert.equal(after.agent('next').state, 'completed');
    assert.equal(after.agent('limited').failure?.kind, 'timeout');
  });
});
