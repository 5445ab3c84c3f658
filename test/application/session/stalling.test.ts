import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { describe, it, type TestContext } from 'node:test';
import { requestCancel, requestResume } from '../../../src/application/control/control.ts';
import { findOrphans } from '../../../src/application/control/orphans.ts';
import { liveStatusOf, stallReason } from '../../../src/application/queries/live-status.ts';
import { ownershipTiming } from '../../../src/application/session/supervisor.ts';
import { agentProcesses, killAgentProcesses } from '../../helpers/agent-processes.ts';
import { Gate } from '../../helpers/gate.ts';
import {
  eventOf,
  lacksProcesses,
  outcome,
  type RealProject,
  type RealProjectOptions,
  realProject,
  settled,
  shell,
  start,
} from '../../helpers/real-project.ts';
import { SteeredClock } from '../../helpers/steered-clock.ts';

/** A machine of which nothing is known once it is broken: whoever wants to start an agent then fails over it. */
function breakable(t: TestContext, options: RealProjectOptions = {}) {
  let isBroken = false;
  const freeMemoryMb = () => {
    if (isBroken) throw new TypeError('no such machine');
    return 1_000_000;
  };
  const real = realProject(t, { ...options, machine: { freeMemoryMb } });
  const turn = (broken: boolean) => {
    isBroken = broken;
  };
  return { real, turn };
}

/** A team of which one agent runs when its runner begins to fail. */
async function stalled(t: TestContext) {
  const clock = new SteeredClock();
  const { real, turn } = breakable(t, { clock });
  const [go, end] = [new Gate(real.root, 'go'), new Gate(real.root, 'end')];
  const id = await start(real, [
    shell('first', `echo first >>ran.txt; ${go.wait}`),
    shell('long', `echo long >>ran.txt; ${end.wait}; echo done`),
    shell('next', 'echo next >>ran.txt', { depends_on: ['first'] }),
  ]);
  for (const name of ['first', 'long']) await eventOf(real, id, 'agent.spawned', name);
  const long = outcome(real, id).agent('long').id;
  // What stands still does so for ever.
  t.after(() => {
    killAgentProcesses([long]);
  });
  turn(true);
  go.openNow();
  await clock.passUntil(() => outcome(real, id).state === 'paused');
  return { real, clock, turn, id, end, paused: await settled(real, id) };
}

/** States of the agent's processes, as the system says: T stands still. */
function statesOf(real: RealProject, id: Parameters<typeof outcome>[1], name: string): string[] {
  return agentProcesses([outcome(real, id).agent(name).id]).map(
    (pid) => /^State:\s+(\S)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? '',
  );
}

const isLinux = process.platform === 'linux';

describe('a session whose runner gives up', () => {
  it('is paused and says why; nothing of it runs, and nobody takes it over by itself', async (t) => {
    if (lacksProcesses(t, 'looks at processes of the system')) return;
    const { real, id, paused } = await stalled(t);
    assert.equal(paused.state, 'paused');
    const { session } = real.project.store.summary(id);
    assert.equal(session.pauseReason, 'interrupted');
    assert.deepEqual(paused.of('session.stalled')[0]?.data, { reason: 'no such machine' });
    const liveStatus = liveStatusOf(real.project.store, real.project.store.load(id), Date.now());
    assert.equal(liveStatus.stalled, 'no such machine');
    assert.equal(paused.agent('first').state, 'completed', 'what it came to is not lost');
    assert.equal(paused.agent('long').state, 'running');
    assert.equal(paused.of('agent.suspended', 'long').length, 1);
    if (isLinux) assert.ok(statesOf(real, id, 'long').includes('T'), statesOf(real, id, 'long').join());
    assert.equal(real.project.store.ownerOf(id), null);
    const newOwner = realProject(t, { home: real.home, root: real.root });
    assert.deepEqual(await findOrphans(newOwner.project, ownershipTiming), []);
    assert.equal(real.supervisor.isQuarantined(id), false);
  });

  it('goes on when it is resumed: what ran is not run again', async (t) => {
    const { real, turn, id, end } = await stalled(t);
    turn(false);
    await requestResume(real.project, real.supervisor, id, 'test', 'Mended.');
    await eventOf(real, id, 'agent.continued', 'long');
    end.openNow();
    const done = await settled(real, id);
    assert.equal(stallReason(real.project.store, real.project.store.summary(id).session), null);
    assert.equal(done.state, 'completed');
    assert.deepEqual(readFileSync(join(real.root, 'ran.txt'), 'utf8').trimEnd().split('\n').toSorted(), [
      'first',
      'long',
      'next',
    ]);
  });

  it('stalls again when it cannot be resumed, and what was asked of it is not asked any more', async (t) => {
    const { real, clock, id } = await stalled(t);
    await requestResume(real.project, real.supervisor, id, 'test', 'Perhaps.');
    await clock.passUntil(() => outcome(real, id).of('session.stalled').length > 1);
    await real.supervisor.idle();
    const again = outcome(real, id);
    assert.equal(again.state, 'paused');
    assert.equal(again.of('session.stalled').length, 2);
    const db = new DatabaseSync(real.database);
    t.after(() => db.close());
    assert.equal(db.prepare('SELECT desired FROM sessions').get()?.desired, null);
  });

  it('can be cancelled, while it still cannot go on', async (t) => {
    const { real, clock, id } = await stalled(t);
    await requestCancel(real.project, real.supervisor, id, 'test', 'Enough.');
    await clock.passUntil(() => outcome(real, id).state === 'cancelled');
    const ended = await settled(real, id);
    assert.deepEqual(
      [ended.state, ended.agent('long').state, ended.agent('next').state],
      ['cancelled', 'cancelled', 'cancelled'],
    );
    assert.deepEqual(agentProcesses([ended.agent('long').id]), []);
  });

  it('is cancelled even where the end of its agent cannot be recorded at all', async (t) => {
    const clock = new SteeredClock();
    const real = realProject(t, { clock });
    const id = await start(real, [shell('odd', 'sleep 300'), shell('plain', 'sleep 300')]);
    for (const name of ['odd', 'plain']) await eventOf(real, id, 'agent.spawned', name);
    const db = new DatabaseSync(real.database);
    db.exec(
      "CREATE TRIGGER refused BEFORE UPDATE ON agents WHEN NEW.state <> 'running' AND NEW.name = 'odd' BEGIN SELECT RAISE(ABORT, 'no such value'); END",
    );
    await requestCancel(real.project, real.supervisor, id, 'test', 'Enough.');
    await clock.passUntil(() => outcome(real, id).state === 'cancelled');
    const ended = await settled(real, id);
    db.exec('DROP TRIGGER refused');
    db.close();
    assert.deepEqual([ended.state, ended.agent('plain').state], ['cancelled', 'cancelled']);
    assert.match(ended.of('session.stalled')[0]?.data.reason ?? '', /no such value/);
    assert.deepEqual(agentProcesses(['odd', 'plain'].map((name) => ended.agent(name).id)), []);
  });
});
