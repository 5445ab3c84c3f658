import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { DetachedSupervisors } from '../../../src/application/control/detached-supervisors.ts';
import type { Project } from '../../../src/application/project.ts';
import { unattended } from '../../../src/application/queries/unattended.ts';
import { ownershipTiming } from '../../../src/application/session/supervisor.ts';
import { Gate } from '../../helpers/gate.ts';
import { otherMaos } from '../../helpers/other-maos.ts';
import { eventOf, lacksProcesses, realProject, settled, shell, start } from '../../helpers/real-project.ts';
import { SteeredClock } from '../../helpers/steered-clock.ts';
import { until } from '../../helpers/waiting.ts';

/** What another process of the project finds, and how many processes it starts for that. */
async function adoptedBy(project: Project) {
  let started = 0;
  const supervisors = new DetachedSupervisors({
    instance: project.instance,
    startDetachedSupervisor: () => void started++,
    pause: async () => {},
    log: project.log,
  });
  return { died: await supervisors.adoptOrphans(project), started };
}

describe('a process that meets sessions without an owner starts one for them', () => {
  it('and says that their maos has died if it has', async (t) => {
    if (lacksProcesses(t, 'kills a maos')) return;
    const real = realProject(t);
    const other = await otherMaos(t, real);
    const gate = new Gate(real.root, 'gate');
    const id = await other.start({ objective: 'Die.', agents: [shell('a', gate.wait)] });
    await other.event(({ type }) => type === 'agent.spawned');
    await other.kill();
    assert.deepEqual(await adoptedBy(real.project), { died: [id], started: 1 });
    await real.supervisor.takeOver(id, real.project.store.ownerOf(id));
    gate.openNow();
    await settled(real, id);
  });

  it('but not if it has exited on purpose, not even when the process that should adopt them does not come', async (t) => {
    if (lacksProcesses(t, 'kills a maos')) return;
    const clock = new SteeredClock();
    const real = realProject(t, { clock });
    const owner = await otherMaos(t, real);
    const gate = new Gate(real.root, 'gate');
    const id = await owner.start({ objective: 'Go on.', on_exit: 'keep', agents: [shell('a', gate.wait)] });
    await owner.event(({ type }) => type === 'agent.spawned');
    const { store } = real.project;
    store.announceExit(store.ownerOf(id) ?? assert.fail());
    assert.deepEqual(await adoptedBy(real.project), { died: [], started: 0 }, 'it is still there');
    await owner.kill();
    // However long this test takes, it was heard of recently.
    const hourMs = 3_600_000;
    const lastBeat = new Date(Date.parse(clock.now()) + hourMs).toISOString();
    store.heartbeat(store.ownerOf(id) ?? assert.fail(), lastBeat);
    assert.deepEqual(await adoptedBy(real.project), { died: [], started: 0 }, 'another one is starting');
    assert.equal(await unattended(real.project, id), null);
    clock.offsetMs = hourMs + 2 * ownershipTiming.heartbeatMs;
    assert.deepEqual(await adoptedBy(real.project), { died: [], started: 1 }, 'another one did not start');
    assert.match(
      (await unattended(real.project, id)) ?? '',
      /^the maos process that ran it, inst_\w+, has exited, and no other has adopted it$/,
    );
    await real.supervisor.takeOver(id, store.ownerOf(id));
    gate.openNow();
    await settled(real, id);
  });

  it('and says it of the next owner, which was killed while it stopped what the first one had left', async (t) => {
    if (lacksProcesses(t, 'kills a maos')) return;
    const real = realProject(t);
    const [first, next] = [await otherMaos(t, real), await otherMaos(t, real)];
    const untilTold = 'trap : TERM; while :; do sleep 0.05; done';
    const id = await first.start({ objective: 'Stop.', on_exit: 'stop', agents: [shell('a', untilTold)] });
    await first.event(({ type }) => type === 'agent.spawned');
    const { store } = real.project;
    const before = store.ownerOf(id) ?? assert.fail();
    store.announceExit(before);
    await first.kill();
    next.watch();
    await until(() => store.ownerOf(id) !== before);
    await next.kill();
    assert.deepEqual(await adoptedBy(real.project), { died: [id], started: 1 });
    assert.match((await unattended(real.project, id)) ?? '', /has died$/);
    await real.supervisor.takeOver(id, store.ownerOf(id));
    assert.equal((await settled(real, id)).state, 'paused');
  });

  it('but not if it has let go of them, for a process that is still starting', async (t) => {
    const real = realProject(t);
    const other = realProject(t, { home: real.home, root: real.root });
    const gate = new Gate(real.root, 'gate');
    const id = await start(real, [shell('a', gate.wait)]);
    await eventOf(real, id, 'agent.spawned', 'a');
    await real.supervisor.releaseAll();
    assert.deepEqual(await adoptedBy(other.project), { died: [], started: 1 });
    assert.equal(await other.supervisor.takeOver(id, null), true);
    gate.openNow();
    await settled(other, id);
  });
});
