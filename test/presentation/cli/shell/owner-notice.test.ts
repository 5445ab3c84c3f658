import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { describe, it, type TestContext } from 'node:test';
import { waitForSession } from '../../../../src/application/control/control.ts';
import { unattended } from '../../../../src/application/queries/unattended.ts';
import { whileOwned } from '../../../../src/presentation/cli/shell/owner-notice.ts';
import { killAgentProcesses } from '../../../helpers/agent-processes.ts';
import { Gate } from '../../../helpers/gate.ts';
import { otherMaos } from '../../../helpers/other-maos.ts';
import { eventOf, outcome, realProject, settled, shell, start } from '../../../helpers/real-project.ts';
import { until } from '../../../helpers/waiting.ts';

/** A session whose maos was killed, and that no other process takes over. */
async function abandoned(t: TestContext) {
  const real = realProject(t);
  const other = await otherMaos(t, real);
  const gate = new Gate(real.root, 'go');
  const id = await other.start({ objective: 'x', agents: [shell('long', gate.wait)] });
  await other.event(({ type }) => type === 'agent.spawned');
  const owner = real.project.store.ownerOf(id) ?? assert.fail();
  const agent = outcome(real, id).agent('long').id;
  t.after(() => {
    killAgentProcesses([agent]);
  });
  return { real, other, gate, id, owner };
}

const never = new AbortController().signal;
const timing = { lookMs: 20, patienceMs: 200 };

describe('whoever waits for a session', () => {
  it('is told when nobody works on it and nothing happens: no command waits without an end', async (t) => {
    const { real, other, id, owner } = await abandoned(t);
    assert.equal(await unattended(real.project, id), null);
    await other.kill();
    const why = `the maos process that ran it, ${owner}, has died`;
    assert.equal(await unattended(real.project, id), why);
    const session = { ...real, id };
    const waiting = whileOwned(
      session,
      never,
      (signal) => waitForSession(real.project, id, { signal }),
      timing,
    );
    await assert.rejects(waiting, {
      code: 'STORE_BUSY',
      message: new RegExp(`Nothing has happened in session ${id} .*: ${why}\\.`),
    });
  });

  it('is told of an owner that lives and cannot write', async (t) => {
    const beats = { heartbeatMs: 50, leaseTtlMs: 15_000, lookMs: 2_000 };
    const real = realProject(t, { timing: beats });
    const gate = new Gate(real.root, 'go');
    const id = await start(real, [shell('a', gate.wait)]);
    await eventOf(real, id, 'agent.spawned', 'a');
    const onlooker = realProject(t, { home: real.home, root: real.root });
    const lock = new DatabaseSync(real.database);
    t.after(() => lock.close());
    lock.exec('BEGIN IMMEDIATE');
    const why = await until(() => unattended(onlooker.project, id, { leaseTtlMs: 3_000 }));
    lock.exec('ROLLBACK');
    assert.match(why, /it is alive and keeps trying, but cannot write to the database/);
    gate.openNow();
    assert.equal((await settled(real, id)).state, 'completed');
  });

  it('is told when the home is deleted during the run', async (t) => {
    const real = realProject(t);
    const gate = new Gate(real.root, 'go');
    const id = await start(real, [shell('a', gate.wait)]);
    await eventOf(real, id, 'agent.spawned', 'a');
    const work = (signal: AbortSignal) => waitForSession(real.project, id, { signal });
    const waiting = whileOwned({ ...real, id }, never, work, { lookMs: 20, patienceMs: 60_000 });
    rmSync(real.home, { recursive: true });
    gate.openNow();
    await assert.rejects(waiting, {
      code: 'FORBIDDEN',
      message: /cannot continue, .*project\.db.*'maos ps'/,
    });
  });

  it('waits on while somebody works on it', async (t) => {
    const { real, other, gate, id, owner } = await abandoned(t);
    await other.kill();
    assert.equal(await real.supervisor.takeOver(id, owner), true);
    assert.equal(await unattended(real.project, id), null);
    const session = { ...real, id };
    const waiting = whileOwned(
      session,
      never,
      (signal) => waitForSession(real.project, id, { signal }),
      timing,
    );
    gate.openNow();
    assert.equal((await waiting).settled, true);
    assert.equal((await settled(real, id)).state, 'completed');
  });
});
