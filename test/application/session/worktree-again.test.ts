import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { requestCancel, requestRetry, waitForSession } from '../../../src/application/control/control.ts';
import { collectGarbage } from '../../../src/application/maintenance/retention/collect-garbage.ts';
import type { SessionId } from '../../../src/domain/ids.ts';
import { sessionLayout } from '../../../src/infrastructure/files/home/layout.ts';
import { Gate } from '../../helpers/gate.ts';
import { gitIn, makeRepository } from '../../helpers/git-project.ts';
import { otherMaos } from '../../helpers/other-maos.ts';
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
    const { removed, heldBack } = await collectGarbage(real.project, everything, at, false);
    assert.deepEqual([removed.map((session) => session.id), heldBack], [[id], []]);
    assert.ok(!existsSync(worktree));
    assert.equal(gitIn(real.root, 'show', `refs/maos/${id}/coder/1:new.txt`), 'mine');
  });

  it('is left to the owner of the session until its work is kept, also after a cancel', async (t) => {
    if (lacksProcesses(t, 'git works on files of this machine')) return;
    const held = holdGit(t, 'update-ref');
    const real = realProject(t);
    makeRepository(real.root);
    const id = await start(real, [shell('coder', 'echo mine >new.txt', { workspace: 'worktree' })]);
    await until(() => held.reached.isOpen);
    await requestCancel(real.project, real.supervisor, id, 'test', 'Enough.');
    assert.ok((await waitForSession(real.project, id, { signal: t.signal })).settled);
    // Time enough to let the session go.
    const other = await another(real);
    assert.deepEqual(real.supervisor.owned, [id]);
    const at = new Date(Date.now() + 1_000).toISOString();
    const early = await collectGarbage(real.project, everything, at, false);
    assert.deepEqual([early.removed.map((session) => session.id), early.heldBack], [[other], []]);
    held.go.openNow();
    await real.supervisor.idle();
    const { removed, heldBack } = await collectGarbage(real.project, everything, at, false);
    assert.deepEqual([removed.map((session) => session.id), heldBack], [[id], []]);
    assert.equal(gitIn(real.root, 'show', `refs/maos/${id}/coder/1:new.txt`), 'mine');
  });

  it('is not begun again while the work of a cancelled attempt is kept', async (t) => {
    if (lacksProcesses(t, 'git works on files of this machine')) return;
    const held = holdGit(t, 'update-ref');
    const real = realProject(t);
    makeRepository(real.root);
    const never = new Gate(dirname(real.root), 'never');
    const agents = [
      shell('coder', `echo mine >new.txt; ${held.go.test}`, { workspace: 'worktree' }),
      shell('other', never.wait),
    ];
    const id = await start(real, agents, { failure_policy: 'continue' });
    await until(() => held.reached.isOpen);
    const { id: coder } = outcome(real, id).agent('coder');
    await requestCancel(real.project, real.supervisor, id, 'test', 'Enough.', coder);
    await eventOf(real, id, 'agent.failed', 'coder');
    await requestRetry(real.project, real.supervisor, id, coder, 'test', 'Again.');
    await eventOf(real, id, 'agent.retried', 'coder');
    // Time enough to start a program.
    await another(real);
    assert.equal(outcome(real, id).of('agent.spawned', 'coder').length, 1);
    held.go.openNow();
    const { data } = await eventOf(real, id, 'agent.completed', 'coder');
    assert.equal(data.name, 'coder');
    assert.equal(outcome(real, id).of('agent.spawned', 'coder').length, 2);
  });

  it('is left for the next owner when the one that keeps its work is killed', async (t) => {
    if (lacksProcesses(t, 'git works on files of this machine')) return;
    const held = holdGit(t, 'update-ref');
    const real = realProject(t);
    makeRepository(real.root);
    const other = await otherMaos(t, real);
    const agents = [{ ...shell('coder', 'echo mine >new.txt'), workspace: 'worktree' as const }];
    const id = await other.start({ objective: 'See it work.', agents });
    await until(() => held.reached.isOpen);
    await requestCancel(real.project, real.supervisor, id, 'test', 'Enough.');
    assert.match((await settled(real, id)).state, /completed|cancelled/);
    await other.kill();
    held.go.openNow();
    const ref = `refs/maos/${id}/coder/1`;
    await until(() => gitIn(real.root, 'for-each-ref', ref) !== '');
    real.watch.start();
    await until(() => real.project.store.ownerOf(id) === null);
    const at = new Date(Date.now() + 1_000).toISOString();
    const { removed, heldBack } = await collectGarbage(real.project, everything, at, false);
    assert.deepEqual([removed.map((session) => session.id), heldBack], [[id], []]);
    assert.equal(gitIn(real.root, 'show', `${ref}:new.txt`), 'mine');
  });
});

/** A whole session meanwhile. */
async function another(real: RealProject): Promise<SessionId> {
  const id = await start(real, [shell('short', 'true')]);
  await real.supervisor.released(id);
  return id;
}

/** From now on, git waits before the named command until it may go. Call it before there is a project. */
function holdGit(t: TestContext, command: string): { readonly reached: Gate; readonly go: Gate } {
  const folder = mkdtempSync(join(tmpdir(), 'maos-git-'));
  const [reached, go] = [new Gate(folder, 'reached'), new Gate(folder, 'go')];
  const hold = `case " $* " in *" ${command} "*) ${reached.open}; ${go.wait};; esac`;
  const lines = ['#!/bin/sh', `PATH=\${PATH#*:}`, hold, 'exec git "$@"'];
  writeFileSync(join(folder, 'git'), `${lines.join('\n')}\n`, { mode: 0o755 });
  const path = process.env.PATH;
  process.env.PATH = `${folder}:${path}`;
  t.after(() => {
    go.openNow();
    process.env.PATH = path;
  });
  t.after(() => rmSync(folder, { recursive: true }));
  return { reached, go };
}
