import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { troublesOf } from '../../../src/application/queries/troubles.ts';
import { Gate } from '../../helpers/gate.ts';
import { otherMaos } from '../../helpers/other-maos.ts';
import { eventOf, outcome, realProject, settled, shell } from '../../helpers/real-project.ts';

/** A session whose MAOS was killed, and whose agent runs until the gate opens. Its launch is from another version. */
async function orphaned(t: TestContext, protocol: number | undefined) {
  const real = realProject(t);
  const other = await otherMaos(t, real);
  const gate = new Gate(real.root, 'go');
  const agents = [shell('long', `echo one; ${gate.wait}; echo done`)];
  const id = await other.start({ objective: 'Outlive an update.', agents });
  await other.event(({ type }) => type === 'agent.spawned');
  await other.kill();
  const path = join(real.files.describe(id), 'agents', outcome(real, id).agent('long').id, 'launch.1');
  const claim = JSON.parse(await readFile(path, 'utf8'));
  await writeFile(path, JSON.stringify({ ...claim, protocol }));
  assert.equal(await real.supervisor.takeOver(id, real.project.store.ownerOf(id)), true);
  return { real, id, gate };
}

describe('an agent that another version of MAOS started', () => {
  it('an older one, is followed, and the session says so', async (t) => {
    const { real, id, gate } = await orphaned(t, undefined);
    const { data } = await eventOf(real, id, 'agent.reached', 'long');
    assert.match(data.note ?? '', /older maos started it \(wrapper protocol 0/);
    assert.deepEqual(troublesOf(real.project.store, real.project.store.load(id)), []);
    gate.openNow();
    const after = await settled(real, id);
    assert.deepEqual([after.state, after.agent('long').result], ['completed', 'one\ndone']);
  });

  it('a newer one, is followed by its files and settled, and its status says so', async (t) => {
    const { real, id, gate } = await orphaned(t, 99);
    await eventOf(real, id, 'agent.unreachable', 'long');
    const [trouble] = troublesOf(real.project.store, real.project.store.load(id));
    assert.match(trouble?.reason ?? '', /newer maos started it \(wrapper protocol 99/);
    gate.openNow();
    const after = await settled(real, id);
    assert.deepEqual([after.state, after.agent('long').result], ['completed', 'one\ndone']);
    assert.equal(after.agent('long').attempt, 1);
  });
});
