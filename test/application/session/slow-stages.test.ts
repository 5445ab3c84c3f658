import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import {
  requestCancel,
  requestPause,
  requestResume,
  requestRetry,
} from '../../../src/application/control/control.ts';
import type { FoundFile } from '../../../src/application/ports/agent-disk.ts';
import type { EventType } from '../../../src/domain/events.ts';
import type { SessionId } from '../../../src/domain/ids.ts';
import { agentProcesses, killAgentProcesses } from '../../helpers/agent-processes.ts';
import { Gate } from '../../helpers/gate.ts';
import { Hold } from '../../helpers/hold.ts';
import { otherMaos } from '../../helpers/other-maos.ts';
import {
  eventOf,
  outcome,
  type RealProject,
  realProject,
  settled,
  shell,
  start,
} from '../../helpers/real-project.ts';

/** What makes each stage slow: with real adapters, one call of which is held up. */
type Slow = (t: TestContext, real: RealProject, hold: Hold) => void;

const slowFolders: Slow = (t, { project: { files } }, hold) => {
  const prepare = files.prepareSession.bind(files);
  t.mock.method(files, 'prepareSession', async (...args: Parameters<typeof prepare>) => {
    await hold.pass();
    return prepare(...args);
  });
};

const slowBackend: Slow = (t, { project: { backends } }, hold) => {
  const backend = backends.get('command');
  const prepare = backend.prepare.bind(backend);
  t.mock.method(backend, 'prepare', async (...args: Parameters<typeof prepare>) => {
    if (args[0].agent.name === 'slow') await hold.pass();
    return prepare(...args);
  });
};

/** The host takes long before it does anything. */
const slowHost: Slow = (t, { project: { host } }, hold) => {
  const begin = host.start.bind(host);
  t.mock.method(host, 'start', async (...args: Parameters<typeof begin>) => {
    if (args[1].name === 'slow') await hold.pass();
    return begin(...args);
  });
};

/** The program runs already, and the host takes long to say so. */
const slowAnswer: Slow = (t, { project: { host } }, hold) => {
  const begin = host.start.bind(host);
  t.mock.method(host, 'start', async (...args: Parameters<typeof begin>) => {
    const running = await begin(...args);
    if (args[1].name === 'slow') await hold.pass();
    return running;
  });
};

const slowStderr: Slow = (t, { project: { host } }, hold) => {
  const read = host.readOutput.bind(host);
  t.mock.method(host, 'readOutput', async (...args: Parameters<typeof read>) => {
    if (args[0].name === 'slow') await hold.pass();
    return read(...args);
  });
};

const slowListing: Slow = (t, { project: { host } }, hold) => {
  const scan = host.scanArtifacts.bind(host);
  t.mock.method(host, 'scanArtifacts', async (...args: Parameters<typeof scan>) => {
    await hold.pass();
    return scan(...args);
  });
};

/** A disk that does not answer: nothing calls the reading off. */
const slowHashing: Slow = (t, { project: { host } }, hold) => {
  const file: FoundFile = {
    path: 'shared/context/disk.img',
    owner: null,
    sizeBytes: 1,
    modifiedAt: new Date().toISOString(),
    digest: async () => {
      await hold.pass();
      return null;
    },
  };
  t.mock.method(host, 'scanArtifacts', async () => [file]);
};

/** A project with one thing that is slow, and a team of which one agent runs into it. */
function bench(t: TestContext, slow: Slow) {
  const hold = new Hold(t);
  const real = realProject(t);
  slow(t, real, hold);
  const ran = join(real.root, 'ran.txt');
  const team = [shell('slow', `echo ran >>'${ran}'`), shell('other', 'sleep 300')];
  return { hold, real, ran, team };
}

/** Comes about while the slow work is still held. */
async function meanwhile(real: RealProject, hold: Hold, id: SessionId, type: EventType, name?: string) {
  const event = await eventOf(real, id, type, name);
  assert.equal(hold.isReleased, false);
  return event;
}

function stageOf(real: RealProject, id: SessionId, name: string) {
  return outcome(real, id).agent(name).stage;
}

const preparing: Readonly<Record<string, Slow>> = {
  "the session's folders": slowFolders,
  'its backend': slowBackend,
  'its host': slowHost,
};

describe('an agent that is being prepared', () => {
  for (const [what, slow] of Object.entries(preparing)) {
    it(`never starts when its session is cancelled, however slow is ${what}`, async (t) => {
      const { hold, real, ran, team } = bench(t, slow);
      const id = await start(real, team);
      await hold.arrived;
      await eventOf(real, id, 'agent.started', 'slow');
      assert.equal(stageOf(real, id, 'slow'), 'preparing');
      await requestCancel(real.project, real.supervisor, id, 'test', 'Enough.');
      await meanwhile(real, hold, id, 'session.cancelled');
      hold.release();
      const ended = await settled(real, id);
      for (const { name } of team) assert.equal(ended.agent(name as string).state, 'cancelled');
      assert.deepEqual(ended.of('agent.spawned', 'slow'), []);
      assert.deepEqual(ended.of('agent.stage_changed', 'slow'), []);
      assert.deepEqual(agentProcesses([ended.agent('slow').id]), []);
      assert.equal(existsSync(ran), false);
    });
  }

  it('never starts when it alone is cancelled, and what depends on it is cancelled with it', async (t) => {
    const { hold, real, ran, team } = bench(t, slowBackend);
    const next = shell('next', 'true', { depends_on: ['slow'] });
    const id = await start(real, [...team, next]);
    await hold.arrived;
    await eventOf(real, id, 'agent.spawned', 'other');
    const slow = outcome(real, id).agent('slow').id;
    await requestCancel(real.project, real.supervisor, id, 'test', 'Not this one.', slow);
    await meanwhile(real, hold, id, 'agent.cancelled', 'next');
    assert.equal(outcome(real, id).agent('slow').state, 'cancelled');
    assert.equal(stageOf(real, id, 'other'), 'executing');
    hold.release();
    await requestCancel(real.project, real.supervisor, id, 'test', 'Enough.');
    await settled(real, id);
    assert.equal(existsSync(ran), false);
  });

  it('is no reason to hold up the others: they start, end and are followed', async (t) => {
    const { hold, real, team } = bench(t, slowHost);
    const [slow] = team;
    const id = await start(real, [
      slow as (typeof team)[0],
      shell('a', 'echo one'),
      shell('b', 'echo two', { depends_on: ['a'] }),
    ]);
    await meanwhile(real, hold, id, 'agent.completed', 'b');
    hold.release();
    assert.equal((await settled(real, id)).state, 'completed');
  });

  it('starts later when the session is paused, and is not started before', async (t) => {
    const { hold, real, ran } = bench(t, slowHost);
    const id = await start(real, [shell('slow', `echo ran >>'${ran}'; echo done`)]);
    await hold.arrived;
    await requestPause(real.project, real.supervisor, id, 'test', 'A break.');
    await meanwhile(real, hold, id, 'session.paused');
    assert.equal(outcome(real, id).agent('slow').state, 'resumable');
    hold.release();
    await settled(real, id);
    assert.equal(existsSync(ran), false);
    await requestResume(real.project, real.supervisor, id, 'test', 'Back.');
    const done = await settled(real, id);
    assert.deepEqual([done.state, done.agent('slow').result], ['completed', 'done']);
    assert.equal(await readFile(ran, 'utf8'), 'ran\n');
  });

  it('is over its time like one that runs', async (t) => {
    const { hold, real, ran } = bench(t, slowBackend);
    const id = await start(real, [shell('slow', `echo ran >>'${ran}'`, { timeout_minutes: 0.005 })]);
    const failed = await meanwhile(real, hold, id, 'agent.failed', 'slow');
    assert.equal(failed.type === 'agent.failed' && failed.data.kind, 'timeout');
    hold.release();
    assert.equal((await settled(real, id)).state, 'failed');
    assert.equal(existsSync(ran), false);
  });

  it('is stopped under fail_fast when another one fails', async (t) => {
    const { hold, real, ran } = bench(t, slowHost);
    const team = [shell('slow', `echo ran >>'${ran}'`), shell('bad', 'exit 3')];
    const id = await start(real, team, { failure_policy: 'fail_fast' });
    await meanwhile(real, hold, id, 'session.failed');
    hold.release();
    assert.equal((await settled(real, id)).agent('slow').state, 'cancelled');
    assert.equal(existsSync(ran), false);
  });

  it('is prepared anew by a retry only when the earlier preparation has come to its end', async (t) => {
    const { hold, real, ran } = bench(t, slowBackend);
    const gate = new Gate(real.root, 'other');
    const files = t.mock.method(real.project.host, 'prepare');
    const id = await start(real, [shell('slow', `echo ran >>'${ran}'`), shell('other', gate.wait)]);
    await hold.arrived;
    const slow = outcome(real, id).agent('slow').id;
    await requestCancel(real.project, real.supervisor, id, 'test', 'Not now.', slow);
    await eventOf(real, id, 'agent.cancelled', 'slow');
    await requestRetry(real.project, real.supervisor, id, slow, 'test', 'Now.');
    await eventOf(real, id, 'agent.retried', 'slow');
    const attempts = () =>
      files.mock.calls.flatMap(({ arguments: [{ name, attempt }] }) => (name === 'slow' ? [attempt] : []));
    await meanwhile(real, hold, id, 'agent.started', 'slow');
    while (outcome(real, id).of('agent.started', 'slow').length < 2) await turn();
    await turn();
    assert.deepEqual(attempts(), [1]);
    hold.release();
    gate.openNow();
    const done = await settled(real, id);
    assert.deepEqual([done.state, done.agent('slow').attempt], ['completed', 2]);
    assert.deepEqual(attempts(), [1, 2]);
    assert.equal(await readFile(ran, 'utf8'), 'ran\n');
  });

  it('that is started by its host already is stopped, before its host has said so', async (t) => {
    const { hold, real } = bench(t, slowAnswer);
    const gate = new Gate(real.root, 'runs');
    const id = await start(real, [shell('slow', `${gate.open}; sleep 300`)]);
    await hold.arrived;
    await requestCancel(real.project, real.supervisor, id, 'test', 'Enough.');
    await meanwhile(real, hold, id, 'session.cancelled');
    const ended = outcome(real, id);
    assert.equal(ended.agent('slow').state, 'cancelled');
    assert.equal(ended.of('agent.spawned', 'slow').length, 1);
    assert.equal(ended.of('agent.stopped', 'slow')[0]?.data.survivors, 0);
    assert.deepEqual(agentProcesses([ended.agent('slow').id]), []);
    hold.release();
    await settled(real, id);
  });

  it('that is started by its host already stands still in a pause, and goes on with all it printed', async (t) => {
    const { hold, real } = bench(t, slowAnswer);
    const gate = new Gate(real.root, 'go');
    const id = await start(real, [shell('slow', `echo one; ${gate.wait}; echo two`)]);
    await hold.arrived;
    await requestPause(real.project, real.supervisor, id, 'test', 'A break.');
    await meanwhile(real, hold, id, 'session.paused');
    assert.deepEqual(
      [outcome(real, id).agent('slow').state, stageOf(real, id, 'slow')],
      ['running', 'executing'],
    );
    hold.release();
    gate.openNow();
    await requestResume(real.project, real.supervisor, id, 'test', 'Back.');
    const done = await settled(real, id);
    assert.deepEqual([done.agent('slow').result, done.agent('slow').attempt], ['one\ntwo', 1]);
  });

  it('has failed when its preparation does, beside everything else', async (t) => {
    const { real, team } = bench(t, (t, { project: { backends } }) => {
      const backend = backends.get('command');
      const prepare = backend.prepare.bind(backend);
      t.mock.method(backend, 'prepare', async (...args: Parameters<typeof prepare>) => {
        if (args[0].agent.name === 'slow') throw new Error('the CLI is not there');
        return prepare(...args);
      });
    });
    const id = await start(real, [team[0] as (typeof team)[0], shell('a', 'echo one')]);
    const done = await settled(real, id);
    assert.deepEqual(
      [done.agent('a').state, done.agent('slow').failure?.kind],
      ['completed', 'spawn_failed'],
    );
    assert.equal(done.agent('slow').failure?.message, 'the CLI is not there');
  });
});

const collecting: Readonly<Record<string, Slow>> = {
  'reading its stderr': slowStderr,
  'listing its files': slowListing,
  'reading its files': slowHashing,
};

describe('an agent whose program has ended and whose files are looked at', () => {
  for (const [what, slow] of Object.entries(collecting)) {
    it(`has completed when its session is cancelled, however slow is ${what}`, async (t) => {
      const { hold, real, ran, team } = bench(t, slow);
      const id = await start(real, team);
      await hold.arrived;
      await meanwhile(real, hold, id, 'agent.stage_changed', 'slow');
      assert.equal(stageOf(real, id, 'slow'), 'collecting');
      await requestCancel(real.project, real.supervisor, id, 'test', 'Enough.');
      await meanwhile(real, hold, id, 'session.cancelled');
      hold.release();
      const ended = await settled(real, id);
      assert.deepEqual(
        [ended.state, ended.agent('slow').state, ended.agent('other').state],
        ['cancelled', 'completed', 'cancelled'],
      );
      assert.equal(ended.of('agent.stage_changed', 'slow').length, 1);
      assert.equal(await readFile(ran, 'utf8'), 'ran\n');
    });
  }

  it('has completed when it alone is cancelled, and what depends on it starts', async (t) => {
    const { hold, real, team } = bench(t, slowHashing);
    const next = shell('next', 'echo next', { depends_on: ['slow'] });
    const id = await start(real, [...team, next]);
    await hold.arrived;
    const slow = outcome(real, id).agent('slow').id;
    await requestCancel(real.project, real.supervisor, id, 'test', 'Not this one.', slow);
    await meanwhile(real, hold, id, 'agent.spawned', 'next');
    assert.equal(outcome(real, id).agent('slow').state, 'completed');
    assert.deepEqual(real.project.store.requestsFor(real.project.instance), []);
    await requestCancel(real.project, real.supervisor, id, 'test', 'Enough.');
    await meanwhile(real, hold, id, 'session.cancelled');
  });

  it('has completed when the session is paused, and does not stand still', async (t) => {
    const { hold, real, team } = bench(t, slowListing);
    const id = await start(real, team);
    await hold.arrived;
    await requestPause(real.project, real.supervisor, id, 'test', 'A break.');
    await meanwhile(real, hold, id, 'session.paused');
    const still = outcome(real, id);
    assert.equal(still.agent('slow').state, 'completed');
    assert.deepEqual(still.of('agent.suspended', 'slow'), []);
    assert.equal(still.of('agent.suspended', 'other').length, 1);
    hold.release();
  });

  it('says that not every file was looked at, when that was the last look', async (t) => {
    const { hold, real, team } = bench(t, slowHashing);
    const id = await start(real, team.slice(0, 1));
    await hold.arrived;
    await requestCancel(real.project, real.supervisor, id, 'test', 'Enough.');
    const { data } = (await meanwhile(real, hold, id, 'artifact.skipped')) as { data: { reason: string } };
    assert.match(data.reason, /^not every file was looked at/);
  });
});

describe('an owner that goes in the middle of a stage', () => {
  /** Another MAOS, in whose way nothing is held. */
  const newOwnerOf = (t: TestContext, { home, root }: RealProject) => realProject(t, { home, root });

  it('leaves an agent that was being prepared to one that starts it, once', async (t) => {
    const { hold, real, ran, team } = bench(t, slowBackend);
    const newOwner = newOwnerOf(t, real);
    const id = await start(real, team.slice(0, 1));
    await hold.arrived;
    await real.supervisor.releaseAll();
    assert.equal(stageOf(newOwner, id, 'slow'), 'preparing');
    await newOwner.supervisor.takeOver(id);
    await meanwhile(newOwner, hold, id, 'session.completed');
    hold.release();
    const done = await settled(newOwner, id);
    assert.deepEqual([done.agent('slow').attempt, done.agent('slow').state], [2, 'completed']);
    assert.equal(done.of('agent.interrupted', 'slow').length, 1);
    assert.equal(await readFile(ran, 'utf8'), 'ran\n');
  });

  it('leaves an agent that was started already to one that follows it', async (t) => {
    const { hold, real } = bench(t, slowAnswer);
    const newOwner = newOwnerOf(t, real);
    const gate = new Gate(real.root, 'go');
    const id = await start(real, [shell('slow', `echo one; ${gate.wait}; echo two`)]);
    await hold.arrived;
    await real.supervisor.releaseAll();
    assert.equal(stageOf(newOwner, id, 'slow'), 'preparing');
    await newOwner.supervisor.takeOver(id);
    await meanwhile(newOwner, hold, id, 'agent.spawned', 'slow');
    assert.equal(stageOf(newOwner, id, 'slow'), 'executing');
    gate.openNow();
    const done = await settled(newOwner, id);
    assert.deepEqual([done.agent('slow').attempt, done.agent('slow').result], [1, 'one\ntwo']);
    assert.equal(done.of('agent.spawned', 'slow').length, 1);
  });

  for (const [stuckAt, attempt] of [
    ['prepare', 2],
    ['start', 2],
    ['started', 1],
    ['scanArtifacts', 1],
  ] as const) {
    it(`killed with SIGKILL at '${stuckAt}', leaves an agent to one that runs and settles it once`, async (t) => {
      const real = realProject(t);
      const other = await otherMaos(t, real, { stuckAt });
      const ran = join(real.root, 'ran.txt');
      const work = `echo x >"$MAOS_SHARED_CONTEXT/note"; echo ran >>'${ran}'`;
      const id = await other.start({ objective: 'x', agents: [shell('a', work)] });
      await other.event(
        ({ type }) => type === (stuckAt === 'scanArtifacts' ? 'agent.stage_changed' : 'agent.started'),
      );
      while (attempt === 1 && !existsSync(ran)) await turn();
      await other.kill();
      assert.equal(stageOf(real, id, 'a'), stuckAt === 'scanArtifacts' ? 'collecting' : 'preparing');
      await real.supervisor.takeOver(id, real.project.store.ownerOf(id));
      const done = await settled(real, id);
      assert.deepEqual([done.state, done.agent('a').attempt], ['completed', attempt]);
      assert.equal(await readFile(ran, 'utf8'), 'ran\n');
      const count = (type: EventType) => done.of(type, 'a').length;
      assert.deepEqual(
        [
          count('agent.started'),
          count('agent.spawned'),
          count('agent.stage_changed'),
          count('agent.completed'),
        ],
        [attempt, 1, 1, 1],
      );
      assert.deepEqual(
        done.of('artifact.recorded').map(({ data }) => data.path),
        ['shared/context/note'],
      );
    });
  }

  it('leaves an agent whose launch record was removed to one that does not start it again', async (t) => {
    const real = realProject(t);
    const newOwner = newOwnerOf(t, real);
    const ran = join(real.root, 'ran.txt');
    const gate = new Gate(real.root, 'end');
    const id = await start(real, [shell('a', `echo ran >>'${ran}'; ${gate.wait}`)]);
    await eventOf(real, id, 'agent.spawned', 'a');
    const { id: agentId } = outcome(real, id).agent('a');
    while (!existsSync(ran)) await turn();
    await real.supervisor.releaseAll();
    killAgentProcesses([agentId]);
    await rm(join(real.files.describe(id), 'agents', agentId, 'launch.1'));
    await newOwner.supervisor.takeOver(id);
    const done = await settled(newOwner, id);
    assert.deepEqual([done.agent('a').failure?.kind, done.agent('a').attempt], ['lost', 1]);
    assert.equal(await readFile(ran, 'utf8'), 'ran\n');
  });

  it('leaves what an agent left to one that looks at it again, and settles it once', async (t) => {
    const { hold, real, ran } = bench(t, slowListing);
    const newOwner = newOwnerOf(t, real);
    const id = await start(real, [shell('slow', `echo x >"$MAOS_SHARED_CONTEXT/note"; echo ran >>'${ran}'`)]);
    await eventOf(real, id, 'agent.stage_changed', 'slow');
    await real.supervisor.releaseAll();
    assert.equal(stageOf(newOwner, id, 'slow'), 'collecting');
    await newOwner.supervisor.takeOver(id);
    await meanwhile(newOwner, hold, id, 'session.completed');
    hold.release();
    const done = await settled(newOwner, id);
    const told = done.events.filter(({ agentId }) => agentId === done.agent('slow').id);
    assert.deepEqual(
      told.map(({ type }) => type),
      ['agent.started', 'agent.spawned', 'agent.stage_changed', 'agent.completed'],
    );
    assert.deepEqual(
      done.of('artifact.recorded').map(({ data }) => data.path),
      ['shared/context/note'],
    );
    assert.equal(await readFile(ran, 'utf8'), 'ran\n');
  });
});
