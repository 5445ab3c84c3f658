import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { DetachedSupervisors } from '../../../src/application/control/detached-supervisors.ts';
import type { Project } from '../../../src/application/project.ts';
import { Gate } from '../../helpers/gate.ts';
import { otherMaos } from '../../helpers/other-maos.ts';
import { eventOf, lacksProcesses, realProject, settled, shell, start } from '../../helpers/real-project.ts';

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
