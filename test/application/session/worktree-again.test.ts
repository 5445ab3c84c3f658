import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, it } from 'node:test';
import { requestCancel, requestRetry } from '../../../src/application/control/control.ts';
import { collectGarbage } from '../../../src/application/maintenance/retention/collect-garbage.ts';
import type { SessionId } from '../../../src/domain/ids.ts';
import { sessionLayout } from '../../../src/infrastructure/files/home/layout.ts';
import { Gate } from '../../helpers/gate.ts';
import { gitIn, makeRepository } from '../../helpers/git-project.ts';
import {
  eventOf,
  lacksProcesses,
  outcome,
  type RealProject,
  realProject,
  run,
  settled,
  shell,
  start,
} from '../../helpers/real-project.ts';
import { until } from '../../helpers/waiting.ts';

function worktreeOf(real: RealProject, id: SessionId, name: string): string {
  return sessionLayout(dirname(real.database)).worktree(id, outcome(real, id).agent(name).id);
}

const everything = { maxAgeMs: 0, maxSessions: null, maxBytes: null, maxRefsAgeMs: null };

describe('the worktree of an agent', () => {
  it('stays after its failure, a retry goes on in it, and all of it outlives the session', async (t) => {
    if (lacksProcesses(t, 'git works on files of this machine')) return;
    const real = realProject(t);
    makeRepository(real.root);
    const command = 'if [ -e first.txt ]; then echo 2 >second.txt; else echo 1 >first.txt; exit 3; fi';
    const { id, state } = await run(real, [shell('coder', command, { workspace: 'worktree' })]);
    assert.equal(state, 'failed');
    assert.ok(existsSync(join(worktreeOf(real, id, 'coder'), 'first.txt')));
    await requestRetry(real.project, real.supervisor, id, null, 'test', 'Again.');
    const again = await settled(real, id);
    assert.equal(again.state, 'completed');
    const work = again.agent('coder').work;
    assert.ok(work?.commit);
    assert.equal(gitIn(real.root, 'show', `${work.commit}:second.txt`), '2');
    const at = new Date(Date.now() + 1_000).toISOString();
    const { removed, heldBack, notRemoved } = await collectGarbage(real.project, everything, at, false);
    assert.deepEqual([removed.map((session) => session.id), heldBack, notRemoved], [[id], [], []]);
    for (const file of ['first.txt', 'second.txt']) {
      assert.match(gitIn(real.root, 'show', `refs/heads/maos/${id}/coder:${file}`), /^[12]$/);
    }
    assert.equal(gitIn(real.root, 'worktree', 'list').split('\n').length, 1);
    assert.equal(gitIn(real.root, 'status', '--porcelain'), '');
  });

  it('stays after a cancel, and its work is kept when the session is removed', async (t) => {
    if (lacksProcesses(t, 'git works on files of this machine')) return;
    const real = realProject(t);
    makeRepository(real.root);
    const [written, never] = [new Gate(dirname(real.root), 'written'), new Gate(dirname(real.root), 'never')];
    const command = `echo mine >new.txt; ${written.open}; ${never.wait}`;
    const id = await start(real, [shell('coder', command, { workspace: 'worktree' })]);
    await eventOf(real, id, 'agent.spawned', 'coder');
    const worktree = worktreeOf(real, id, 'coder');
    await until(() => written.isOpen);
    await requestCancel(real.project, real.supervisor, id, 'test', 'Enough.');
    assert.equal((await settled(real, id)).state, 'cancelled');
    assert.ok(existsSync(join(worktree, 'new.txt')));
    const at = new Date(Date.now() + 1_000).toISOString();
    // The session's owner may be keeping the work too; a collection that meets it leaves the session to the next one.
    await until(
      async () => (await collectGarbage(real.project, everything, at, false)).heldBack.length === 0,
    );
    assert.ok(!existsSync(worktree));
    assert.equal(gitIn(real.root, 'show', `refs/maos/${id}/coder/1:new.txt`), 'mine');
  });
});
