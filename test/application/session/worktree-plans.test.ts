import assert from 'node:assert/strict';
import { readFileSync, realpathSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { verifyAudit } from '../../../src/application/maintenance/audit.ts';
import { recoverSession } from '../../../src/application/maintenance/recover.ts';
import { Gate } from '../../helpers/gate.ts';
import { otherMaos } from '../../helpers/other-maos.ts';
import {
  lacksProcesses,
  openRealProject,
  type RealProject,
  realProject,
  run,
  settled,
  shell,
} from '../../helpers/real-project.ts';
import { ScratchRepository } from '../../infrastructure/git/scratch-repository.ts';

function inRepository(t: TestContext): { readonly scratch: ScratchRepository; readonly real: RealProject } {
  const scratch = new ScratchRepository();
  const real = realProject(t, { root: realpathSync(scratch.folder) });
  t.after(() => scratch.remove());
  return { scratch, real };
}

const inWorktree = (name: string, command: string, more = {}) =>
  shell(name, command, { workspace: 'worktree', ...more });

describe('the check of a session', () => {
  const agents = [inWorktree('a', 'echo one >one'), inWorktree('b', 'echo two >two'), shell('c', 'true')];

  it('sees the work of all agents in worktrees together', async (t) => {
    if (lacksProcesses(t, 'runs programs in folders of git')) return;
    const { scratch, real } = inRepository(t);
    const done = await run(real, agents, { verify: ['test -f one', 'test -f two'] });
    assert.equal(done.state, 'completed', JSON.stringify(done.agent('verify').failure));
    const { work, proof } = done.agent('verify');
    assert.equal(proof?.checks, 2);
    const merged = scratch.git('ls-tree', '--name-only', work?.commit ?? '').split('\n');
    assert.deepEqual(merged, ['a.txt', 'one', 'two']);
    assert.equal(scratch.git('status', '--porcelain'), '');
  });

  it('fails the session, without a fix round', async (t) => {
    if (lacksProcesses(t, 'runs programs in folders of git')) return;
    const { real } = inRepository(t);
    const done = await run(real, agents, { verify: { command: 'test -f three', fix_rounds: 2 } });
    assert.equal(done.state, 'failed');
    assert.equal(done.agent('verify').failure?.kind, 'verification_failed');
    assert.deepEqual([done.agent('verify').attempt, done.of('agent.fix_round').length], [1, 0]);
    assert.deepEqual(
      ['a', 'b', 'c'].map((name) => done.agent(name).state),
      ['completed', 'completed', 'completed'],
    );
  });

  it('does not run when an agent has failed, whichever the policy', async (t) => {
    const real = realProject(t);
    const failing = [shell('good', 'true'), shell('bad', 'exit 3')];
    for (const failure_policy of ['continue', 'fail_fast'] as const) {
      const done = await run(real, failing, { verify: 'touch ran', failure_policy });
      assert.equal(done.state, 'failed');
      assert.equal(done.agent('verify').state, 'cancelled');
      assert.equal(done.of('verify.started').length, 0);
    }
  });
});

describe('a recovered session with worktrees', () => {
  it('knows where it began, what is committed, and what checks it; nothing runs twice', async (t) => {
    if (lacksProcesses(t, 'kills a maos from outside')) return;
    const { scratch, real: before } = inRepository(t);
    const other = await otherMaos(t, before);
    const gate = new Gate(scratch.root, 'live');
    const runs = join(scratch.root, 'runs.txt');
    const id = await other.start({
      objective: 'Survive.',
      agents: [
        inWorktree('made', `echo made >>${runs}; echo one >one`, { verify: 'test -f one' }),
        inWorktree('live', `echo live >>${runs}; ${gate.wait}; cat one >two`, { depends_on: ['made'] }),
      ],
      verify: { commands: ['test -f two'] },
    });
    const { seq } = await other.event(
      ({ type, data }) => type === 'agent.spawned' && 'name' in data && data.name === 'live',
    );
    while ((await before.project.files.lastLogged(id)) < seq) await turn();
    const stored = before.project.store.load(id);
    await other.kill();
    await before.close();
    for (const suffix of ['', '-wal', '-shm']) rmSync(`${before.database}${suffix}`, { force: true });
    const real = openRealProject({ home: before.home, root: before.root });
    t.after(() => real.close());

    const { session, agents } = (await recoverSession(real.project, id)).workflow;
    assert.deepEqual(session.repository, { commit: scratch.git('rev-parse', 'HEAD'), branch: 'main' });
    assert.deepEqual([session.verify, session.land], [stored.session.verify, null]);
    const [made, live] = agents;
    assert.equal(made?.work?.commit, scratch.git('rev-parse', `maos/${id}/made`));
    assert.deepEqual(
      agents.map(({ work, verify, workspace }) => [work, verify, workspace]),
      stored.agents.map(({ work, verify, workspace }) => [work, verify, workspace]),
    );
    assert.equal(live?.state, 'running', 'as the log tells');
    assert.equal(await real.supervisor.takeOver(id), true);
    gate.openNow();
    const after = await settled(real, id);
    assert.equal(after.state, 'completed', JSON.stringify(after.events.at(-1)));
    assert.equal(scratch.git('show', `${after.agent('live').work?.commit}:two`), 'one');
    assert.equal(after.agent('live').attempt, 1);
    assert.equal(readFileSync(runs, 'utf8'), 'made\nlive\n');
    assert.deepEqual((await verifyAudit(real.project, id)).problems, []);
  });
});
