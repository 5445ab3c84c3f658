import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { describe, it, type TestContext } from 'node:test';
import { orchestrate } from '../../../src/application/control/orchestrate.ts';
import type { PlacedRequest } from '../../../src/application/control/plan-request.ts';
import { recoverSession } from '../../../src/application/maintenance/recover.ts';
import { type PlanJson, requestOf } from '../../../src/presentation/contracts/plan-input.ts';
import {
  openRealProject,
  type RealProject,
  realProject,
  settled,
  shell,
} from '../../helpers/real-project.ts';

const plan: PlanJson = {
  objective: 'Do it once.',
  agents: [shell('a', 'echo one >> ran.txt; echo done')],
  idempotency_key: 'release 7',
};

function ask(real: RealProject, request: PlanJson = plan, placed: Partial<PlacedRequest> = {}) {
  return orchestrate(real.project, real.supervisor, { ...requestOf(request), ...placed }, 'terminal');
}

async function withoutDatabase(t: TestContext, lost: RealProject): Promise<RealProject> {
  await lost.close();
  for (const suffix of ['', '-wal', '-shm']) rmSync(`${lost.database}${suffix}`, { force: true });
  const real = openRealProject({ home: lost.home, root: lost.root });
  t.after(() => real.close());
  return real;
}

function stored(real: RealProject): readonly string[] {
  return real.project.store.list({ limit: 100 }).map(({ session }) => session.id);
}

describe('a request with an idempotency key', () => {
  it('gets the first session while it runs, and when it has ended', async (t) => {
    const real = realProject(t);
    const first = await ask(real);
    const { id } = first.workflow.session;
    const [second, third] = await Promise.all([ask(real), ask(real)]);
    await settled(real, id);
    const last = await ask(real);
    for (const { workflow, stored: isStored, isRepeated, remarks } of [second, third, last]) {
      assert.deepEqual([workflow.session.id, isStored, isRepeated], [id, true, true]);
      assert.deepEqual(remarks, [
        `An earlier request with the same key has started session ${id}; nothing new was started.`,
      ]);
    }
    assert.deepEqual([first.isRepeated, last.workflow.session.state], [false, 'completed']);
    assert.deepEqual(stored(real), [id]);
  });

  it('is known by what it says, not by the order in which it says it', async (t) => {
    const real = realProject(t);
    const { workflow } = await ask(real);
    const { idempotency_key, agents, objective } = plan;
    const again = await ask(real, { idempotency_key, agents, objective });
    assert.equal(again.workflow.session.id, workflow.session.id);
  });

  it('is refused with another plan, or from another folder, and told whose key it is', async (t) => {
    const real = realProject(t);
    const { workflow } = await ask(real);
    const { id } = workflow.session;
    const refusal = {
      code: 'INVALID_INPUT',
      message: `idempotency_key "release 7" belongs to session ${id}, which was started with another plan or in another folder. To get that session, send its plan unchanged; to start another one, use another key.`,
      details: { idempotencyKey: 'release 7', sessionId: id },
    };
    await assert.rejects(ask(real, { ...plan, objective: 'Do something else.' }), refusal);
    await assert.rejects(ask(real, { ...plan, dry_run: true, strategy: 'sequential' }), refusal);
    await assert.rejects(ask(real, plan, { folder: join(real.root, 'elsewhere') }), refusal);
    assert.deepEqual(stored(real), [id]);
  });

  it('starts another session when it has another key, or none', async (t) => {
    const real = realProject(t);
    const { idempotency_key: _, ...without } = plan;
    await ask(real);
    await ask(real, { ...plan, idempotency_key: 'release 8' });
    await ask(real, without);
    await ask(real, without);
    assert.equal(stored(real).length, 4);
  });

  it('only shows its plan in a dry run, which says what a start would do', async (t) => {
    const real = realProject(t);
    assert.deepEqual((await ask(real, { ...plan, dry_run: true })).remarks, []);
    assert.deepEqual(stored(real), []);
    const { workflow } = await ask(real);
    const { stored: isStored, remarks } = await ask(real, { ...plan, dry_run: true });
    assert.equal(isStored, false);
    assert.deepEqual(remarks, [
      `Session ${workflow.session.id} has this idempotency_key and plan: a start would answer with it.`,
    ]);
  });

  it('is answered although the plan can no longer be started', async (t) => {
    const real = realProject(t);
    const { workflow } = await ask(real);
    const withoutBackends = {
      ...real.project,
      backends: { ...real.project.backends, get: () => assert.fail() },
    };
    const again = await ask({ ...real, project: withoutBackends });
    assert.equal(again.workflow.session.id, workflow.session.id);
  });

  it('is known after the database was lost and the session recovered', async (t) => {
    const before = realProject(t);
    const { workflow } = await ask(before);
    const { id } = workflow.session;
    await settled(before, id);
    const real = await withoutDatabase(t, before);
    await recoverSession(real.project, id);
    assert.equal((await ask(real)).workflow.session.id, id);
  });

  it('leaves its key to the session that it has started meanwhile, when the older one is recovered', async (t) => {
    const real = realProject(t);
    const { workflow } = await ask(real);
    const { id } = workflow.session;
    await settled(real, id);
    await real.supervisor.released(id);
    const db = new DatabaseSync(real.database);
    db.exec('PRAGMA foreign_keys = ON');
    db.prepare('DELETE FROM sessions WHERE id = ?').run(id);
    db.close();
    const newer = await ask(real);
    assert.notEqual(newer.workflow.session.id, id);
    await recoverSession(real.project, id);
    assert.equal((await ask(real)).workflow.session.id, newer.workflow.session.id);
    assert.equal(stored(real).length, 2);
  });
});

describe('a call that names itself', () => {
  const { idempotency_key: _, ...unkeyed } = plan;

  it('gets the first session when it is sent again', async (t) => {
    const real = realProject(t);
    const first = await ask(real, unkeyed, { callId: 'toolu_1' });
    const again = await ask(real, unkeyed, { callId: 'toolu_1' });
    assert.deepEqual([again.workflow.session.id, again.isRepeated], [first.workflow.session.id, true]);
    assert.equal((await ask(real, unkeyed, { callId: 'toolu_2' })).isRepeated, false);
  });

  it('starts a session of its own with another plan: its name is no promise', async (t) => {
    const real = realProject(t);
    await ask(real, unkeyed, { callId: 'call_0' });
    const other = await ask(real, { ...unkeyed, objective: 'Another.' }, { callId: 'call_0' });
    assert.deepEqual([other.isRepeated, other.workflow.session.idempotency], [false, null]);
  });

  it('is known by its key if it has one', async (t) => {
    const real = realProject(t);
    const first = await ask(real, plan, { callId: 'toolu_1' });
    const again = await ask(real, plan, { callId: 'toolu_2' });
    assert.equal(again.workflow.session.id, first.workflow.session.id);
  });
});
