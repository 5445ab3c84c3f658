import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { requestRetry } from '../../../src/application/control/control.ts';
import { agentProcesses } from '../../helpers/agent-processes.ts';
import { Gate } from '../../helpers/gate.ts';
import { otherMaos } from '../../helpers/other-maos.ts';
import { eventOf, lacksProcesses, outcome, realProject, settled, shell } from '../../helpers/real-project.ts';

const timing = { heartbeatMs: 100, leaseTtlMs: 600, lookMs: 50 };

describe('an owner that was suspended for longer than its lease', () => {
  for (const end of ['fails', 'is killed'] as const) {
    it(`touches nothing of the attempt that its newOwner has begun since; the first one ${end}`, async (t) => {
      if (lacksProcesses(t, 'kills a maos or its agents from outside')) return;
      const real = realProject(t, { timing });
      const other = await otherMaos(t, real, { timing });
      const [first, second] = [new Gate(real.root, 'first'), new Gate(real.root, 'second')];
      const again = `[ "$MAOS_AGENT_ATTEMPT" = 2 ] && { echo again >>ran.txt; ${second.wait}; exit; }`;
      const work = `${again}; echo once >>ran.txt; ${first.wait}; exit 3`;
      const id = await other.start({ objective: 'x', agents: [shell('twice', work)] });
      await other.event(({ type }) => type === 'agent.spawned');
      const { id: agentId } = outcome(real, id).agent('twice');
      const ofFirst = agentProcesses([agentId]);
      while (!(await ran(real.root)).includes('once'));
      await other.suspend();
      real.watch.start();
      await eventOf(real, id, 'session.taken_over');
      if (end === 'fails') first.openNow();
      else for (const pid of ofFirst) killIfThere(pid);
      await eventOf(real, id, 'agent.failed', 'twice');
      await settled(real, id);
      await requestRetry(real.project, real.supervisor, id, null, 'test', 'Again.');
      while (!(await ran(real.root)).includes('again'));

      other.process.kill('SIGCONT');
      other.process.stdin?.end();
      // It ends once it has found out, and has done whatever it does then.
      await new Promise((resolve) => other.process.once('exit', resolve));
      second.openNow();
      const after = await settled(real, id);
      assert.deepEqual([after.state, after.agent('twice').attempt], ['completed', 2]);
      assert.equal(await ran(real.root), 'once\nagain\n');
    });
  }
});

async function ran(root: string): Promise<string> {
  return readFile(join(root, 'ran.txt'), 'utf8').catch(() => '');
}

function killIfThere(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // The shell's `sleep` ends by itself, or with the one before it.
  }
}
