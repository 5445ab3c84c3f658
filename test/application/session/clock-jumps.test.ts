import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import type { Clock } from '../../../src/application/ports/clock.ts';
import { systemClock } from '../../../src/infrastructure/clock.ts';
import { agentProcesses } from '../../helpers/agent-processes.ts';
import { Gate } from '../../helpers/gate.ts';
import { eventOf, realProject, settled, shell, start } from '../../helpers/real-project.ts';

const dayMs = 86_400_000;
const tenMinutesMs = 600_000;

/** The machine's clock, which somebody sets. What is to happen after some time happens after that time all the same. */
class JumpingClock implements Clock {
  offsetMs = 0;

  now(): string {
    return new Date(Date.now() + this.offsetMs).toISOString();
  }

  elapsedMs(): number {
    return systemClock.elapsedMs();
  }

  after(ms: number, callback: () => void): () => void {
    return systemClock.after(ms, callback);
  }
}

for (const [how, sign] of [
  ['forwards', 1],
  ['backwards', -1],
] as const) {
  const jumpMs = sign * dayMs;
  describe(`a clock that jumps ${how}`, () => {
    it('ends no agent early, and no agent twice', async (t) => {
      const clock = new JumpingClock();
      const real = realProject(t, { clock });
      const gate = new Gate(real.root, 'go');
      const id = await start(real, [
        shell('long', `echo long >>ran.txt; ${gate.wait}`, { timeout_minutes: 5 }),
        shell('next', 'echo next >>ran.txt', { depends_on: ['long'] }),
      ]);
      await eventOf(real, id, 'agent.spawned', 'long');
      clock.offsetMs = jumpMs;
      await new Promise((resolve) => setTimeout(resolve, 500));
      gate.openNow();
      const ended = await settled(real, id);
      assert.equal(ended.state, 'completed', JSON.stringify(ended.agent('long').failure));
      assert.equal(await readFile(join(real.root, 'ran.txt'), 'utf8'), 'long\nnext\n');
      const [{ data } = assert.fail()] = ended.of('agent.completed', 'long');
      assert.ok(data.durationMs >= 0);
    });

    it('ends an agent that runs too long neither earlier nor later', async (t) => {
      const clock = new JumpingClock();
      const real = realProject(t, { clock });
      const from = performance.now();
      const id = await start(real, [shell('slow', 'sleep 300', { timeout_minutes: 0.03 })]);
      await eventOf(real, id, 'agent.spawned', 'slow');
      clock.offsetMs = jumpMs;
      const ended = await settled(real, id);
      const tookMs = performance.now() - from;
      assert.deepEqual([ended.state, ended.agent('slow').failure?.kind], ['failed', 'timeout']);
      assert.ok(tookMs >= 1_800, `${tookMs} ms`);
    });

    it('lets a session change hands at worst: a live owner stands down, its agents go on', async (t) => {
      const clock = new JumpingClock();
      const timing = { heartbeatMs: 200, leaseTtlMs: 2_000, lookMs: 100 };
      const real = realProject(t, { clock, timing });
      const heir = realProject(t, { clock, timing, home: real.home, root: real.root });
      await heir.project.instances.announce();
      const gate = new Gate(real.root, 'go');
      const id = await start(real, [
        shell('long', `echo long >>ran.txt; ${gate.wait}`),
        shell('next', 'echo next >>ran.txt', { depends_on: ['long'] }),
      ]);
      await eventOf(real, id, 'agent.spawned', 'long');
      heir.watch.start();
      // Less than the agents' own limit: who takes over knows of the time before from the clock alone.
      clock.offsetMs = sign * tenMinutesMs;
      await new Promise((resolve) => setTimeout(resolve, 1_000));
      clock.offsetMs = 0;
      await new Promise((resolve) => setTimeout(resolve, 1_000));
      gate.openNow();
      const ended = await settled(heir, id);
      await Promise.all([real.supervisor.idle(), heir.supervisor.idle()]);
      assert.equal(ended.state, 'completed', JSON.stringify(ended.agent('long').failure));
      assert.equal(await readFile(join(real.root, 'ran.txt'), 'utf8'), 'long\nnext\n');
      for (const name of ['long', 'next']) {
        assert.deepEqual([ended.agent(name).attempt, ended.of('agent.completed', name).length], [1, 1]);
      }
      assert.deepEqual(agentProcesses([ended.agent('long').id, ended.agent('next').id]), []);
    });
  });
}
