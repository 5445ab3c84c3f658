import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { agentProcesses } from '../../helpers/agent-processes.ts';
import { Gate } from '../../helpers/gate.ts';
import { eventOf, outcome, realProject, settled, shell, start } from '../../helpers/real-project.ts';
import { SteeredClock } from '../../helpers/steered-clock.ts';

const dayMs = 86_400_000;
const tenMinutesMs = 600_000;
const timing = { heartbeatMs: 200, leaseTtlMs: 2_000, lookMs: 100 };

/** Lets both MAOS check the session repeatedly, and the effects of each check run before the next one. */
async function looks(clock: SteeredClock): Promise<void> {
  await clock.passSteps(30, timing.lookMs);
}

for (const [how, sign] of [
  ['forwards', 1],
  ['backwards', -1],
] as const) {
  const jumpMs = sign * dayMs;
  describe(`a clock that jumps ${how}`, () => {
    it('ends no agent early, and no agent twice', async (t) => {
      const clock = new SteeredClock();
      const real = realProject(t, { clock });
      const gate = new Gate(real.root, 'go');
      const id = await start(real, [
        shell('long', `echo long >>ran.txt; ${gate.wait}`, { timeout_minutes: 5 }),
        shell('next', 'echo next >>ran.txt', { depends_on: ['long'] }),
      ]);
      await eventOf(real, id, 'agent.spawned', 'long');
      clock.offsetMs = jumpMs;
      await clock.pass(60_000);
      assert.equal(outcome(real, id).agent('long').state, 'running');
      gate.openNow();
      const ended = await settled(real, id);
      assert.equal(ended.state, 'completed', JSON.stringify(ended.agent('long').failure));
      assert.equal(await readFile(join(real.root, 'ran.txt'), 'utf8'), 'long\nnext\n');
      const [{ data } = assert.fail()] = ended.of('agent.completed', 'long');
      assert.ok(data.durationMs >= 0);
    });

    it('ends an agent that runs too long neither earlier nor later', async (t) => {
      const clock = new SteeredClock();
      const real = realProject(t, { clock });
      const id = await start(real, [shell('slow', 'sleep 300', { timeout_minutes: 5 })]);
      await eventOf(real, id, 'agent.spawned', 'slow');
      clock.offsetMs = jumpMs;
      await clock.pass(4 * 60_000);
      assert.equal(outcome(real, id).agent('slow').state, 'running');
      await clock.pass(60_000);
      const ended = await settled(real, id);
      assert.deepEqual([ended.state, ended.agent('slow').failure?.kind], ['failed', 'timeout']);
    });

    it('lets a session change hands at worst: a live owner stands down, its agents go on', async (t) => {
      const clock = new SteeredClock();
      const real = realProject(t, { clock, timing });
      const newOwner = realProject(t, { clock, timing, home: real.home, root: real.root });
      await newOwner.project.instances.announce();
      const gate = new Gate(real.root, 'go');
      const id = await start(real, [
        shell('long', `echo long >>ran.txt; ${gate.wait}`),
        shell('next', 'echo next >>ran.txt', { depends_on: ['long'] }),
      ]);
      await eventOf(real, id, 'agent.spawned', 'long');
      newOwner.watch.start();
      // Less than the agents' own limit, because the new owner knows the time before only from the clock.
      clock.offsetMs = sign * tenMinutesMs;
      await looks(clock);
      clock.offsetMs = 0;
      await looks(clock);
      gate.openNow();
      const ended = await settled(newOwner, id);
      await Promise.all([real.supervisor.idle(), newOwner.supervisor.idle()]);
      assert.equal(ended.state, 'completed', JSON.stringify(ended.agent('long').failure));
      assert.equal(await readFile(join(real.root, 'ran.txt'), 'utf8'), 'long\nnext\n');
      for (const name of ['long', 'next']) {
        assert.deepEqual([ended.agent(name).attempt, ended.of('agent.completed', name).length], [1, 1]);
      }
      assert.deepEqual(agentProcesses([ended.agent('long').id, ended.agent('next').id]), []);
    });
  });
}
