import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { collectGarbage } from '../../../src/application/maintenance/retention/collect-garbage.ts';
import type { SessionId } from '../../../src/domain/ids.ts';
import { branchOf } from '../../../src/domain/worktree.ts';
import { endedSession } from '../../helpers/ended-sessions.ts';
import { gitIn, makeRepository } from '../../helpers/git-project.ts';
import { type RealProject, realProject } from '../../helpers/real-project.ts';
import { giveTimeTo } from '../../helpers/waiting.ts';

const dayMs = 86_400_000;
const policy = { maxAgeMs: 30 * dayMs, maxSessions: null, maxBytes: null, maxRefsAgeMs: 90 * dayMs };
const daysAgo = (days: number): string => new Date(Date.now() - days * dayMs).toISOString();

interface Repository extends RealProject {
  readonly commit: string;
}

function repositoryOf(t: TestContext): Repository {
  const real = realProject(t);
  return { ...real, commit: makeRepository(real.root) };
}

const collect = ({ project }: RealProject) => collectGarbage(project, policy, project.clock.now(), false);

/** An old session whose agent has a worktree. @returns its id and the worktree */
async function withWorktree(real: Repository): Promise<{ id: SessionId; worktree: string }> {
  const { project, commit } = real;
  const id = endedSession(real, daysAgo(40), { commit });
  const [agent] = project.store.load(id).agents;
  assert.ok(agent);
  mkdirSync(join(project.files.describe(id), 'agents', agent.id), { recursive: true });
  const place = {
    repository: project.path,
    sessionId: id,
    agentId: agent.id,
    branch: branchOf(id, agent.name),
  };
  const { folder } = await project.workspaces.open(place, commit, null);
  return { id, worktree: folder };
}

/** Whether any ref of the session contains the file with this content. */
function isKept({ root }: RealProject, id: SessionId, path: string, content: string): boolean {
  const refs = gitIn(root, 'for-each-ref', '--format=%(refname)', `refs/maos/${id}`).split('\n');
  return refs.some((ref) => {
    try {
      return gitIn(root, 'show', `${ref}:${path}`) === content;
    } catch {
      return false;
    }
  });
}

describe('a worktree of a removed session', () => {
  it('goes with it when everything in it is in a ref; the checkout of the user stays as it is', async (t) => {
    const real = repositoryOf(t);
    const { id, worktree } = await withWorktree(real);
    writeFileSync(join(worktree, 'a.txt'), 'changed');
    writeFileSync(join(worktree, 'new.txt'), 'untracked');
    symlinkSync(real.root, join(worktree, 'link'));
    writeFileSync(join(real.root, 'a.txt'), 'of the user');
    const before = gitIn(real.root, 'status', '--porcelain');
    const { removed, heldBack, notRemoved } = await collect(real);
    assert.deepEqual([removed.map((session) => session.id), heldBack, notRemoved], [[id], [], []]);
    assert.ok(!existsSync(real.project.files.describe(id)));
    assert.ok(isKept(real, id, 'a.txt', 'changed') && isKept(real, id, 'new.txt', 'untracked'));
    assert.deepEqual(gitIn(real.root, 'status', '--porcelain'), before);
    assert.equal(gitIn(real.root, 'worktree', 'list').split('\n').length, 1);
    assert.ok(existsSync(join(real.root, '.git', 'HEAD')), 'a link does not lead the removal out');
  });

  it('stays with the session, and is told, when no commit can hold it; the rest goes on', async (t) => {
    const real = repositoryOf(t);
    const [first, second] = [await withWorktree(real), await withWorktree(real)];
    makeRepository(join(first.worktree, 'own'));
    writeFileSync(join(second.worktree, 'new.txt'), 'x');
    const { removed, heldBack, kept } = await collect(real);
    assert.deepEqual([removed.map(({ id }) => id), kept], [[second.id], 1]);
    assert.deepEqual(
      heldBack.map(({ id, path }) => [id, path]),
      [[first.id, first.worktree]],
    );
    assert.match(heldBack[0]?.reason ?? '', /own/);
    assert.ok(
      real.project.store.maintenance.exists(first.id) && existsSync(join(first.worktree, 'own', 'a.txt')),
    );
    assert.equal(real.project.store.ownerOf(first.id), null);
    rmSync(join(first.worktree, 'own'), { recursive: true });
    assert.deepEqual(
      (await collect(real)).removed.map(({ id }) => id),
      [first.id],
    );
  });

  it('stays while its repository is gone, unless it is empty', async (t) => {
    const real = repositoryOf(t);
    const [work, empty] = [await withWorktree(real), await withWorktree(real)];
    rmSync(join(empty.worktree, 'a.txt'));
    renameSync(join(real.root, '.git'), join(real.root, 'elsewhere'));
    const { removed, heldBack } = await collect(real);
    assert.deepEqual([removed.map(({ id }) => id), heldBack.map(({ id }) => id)], [[empty.id], [work.id]]);
    assert.match(heldBack[0]?.reason ?? '', /no repository in .*Put it back/);
    renameSync(join(real.root, 'elsewhere'), join(real.root, '.git'));
    assert.deepEqual(
      (await collect(real)).removed.map(({ id }) => id),
      [work.id],
    );
    assert.equal(gitIn(real.root, 'worktree', 'list').split('\n').length, 1);
  });

  it('is kept in refs too when the store has lost the session, and stays when its documents are lost', async (t) => {
    const real = repositoryOf(t);
    const [known, unknown] = [await withWorktree(real), await withWorktree(real)];
    for (const { worktree } of [known, unknown]) writeFileSync(join(worktree, 'new.txt'), 'x');
    const { store, files } = real.project;
    store.maintenance.removeEnded([known.id, unknown.id], daysAgo(0), 10_000);
    writeFileSync(join(files.describe(unknown.id), 'metadata.json'), '{"damaged');
    const removal = await files.maintenance.beginRemoval([known.id, unknown.id], daysAgo(1));
    const { heldBack } = await collect(real);
    assert.ok(isKept(real, known.id, 'new.txt', 'x') && !existsSync(files.describe(known.id)));
    assert.deepEqual(
      heldBack.map(({ id, path }) => [id, path]),
      [[unknown.id, unknown.worktree]],
    );
    assert.ok(existsSync(join(unknown.worktree, 'new.txt')));
    assert.ok(removal);
  });

  it('is kept although an agent has closed folders or removed what MAOS noted beside it', async (t) => {
    const real = repositoryOf(t);
    const [closed, unnoted] = [await withWorktree(real), await withWorktree(real)];
    for (const { worktree } of [closed, unnoted]) writeFileSync(join(worktree, 'new.txt'), 'x');
    for (const name of readdirSync(join(unnoted.worktree, '..'))) {
      if (name !== 'worktree') rmSync(join(unnoted.worktree, '..', name), { recursive: true });
    }
    chmodSync(closed.worktree, 0o500);
    chmodSync(join(closed.worktree, '..'), 0o000);
    const { removed, heldBack } = await collect(real);
    assert.deepEqual([removed.length, heldBack], [2, []]);
    for (const { id } of [closed, unnoted]) assert.ok(isKept(real, id, 'new.txt', 'x'), id);
  });

  it('is left to the process that owns the session', async (t) => {
    const real = repositoryOf(t);
    const { id, worktree } = await withWorktree(real);
    const other = realProject(t, { home: real.home, root: real.root });
    const lease = other.project.store.acquire(id, other.project.instance, { staleBefore: daysAgo(0) });
    assert.ok(lease);
    const { removed, heldBack } = await collect(real);
    assert.deepEqual([removed, heldBack], [[], []]);
    assert.ok(existsSync(worktree));
    other.project.store.release(lease);
    assert.equal((await collect(real)).removed.length, 1);
  });

  it('stays while another session lands its work', async (t) => {
    const real = repositoryOf(t);
    const { id, worktree } = await withWorktree(real);
    const landing = endedSession(real, daysAgo(40), { ended: false, commit: real.commit, lands: id });
    assert.deepEqual((await collect(real)).removed, []);
    const { store } = real.project;
    assert.deepEqual(store.maintenance.removeEnded([id], daysAgo(0), 1_000).removed, []);
    assert.ok(existsSync(worktree));
    assert.equal(store.load(landing).session.landing?.sessionId, id);
  });
});

const script = fileURLToPath(new URL('../fixtures/collecting-process.ts', import.meta.url));

describe('a collection with worktrees that is killed', () => {
  it('loses nothing, whenever that is, and the next one ends it', async (t) => {
    const real = repositoryOf(t);
    const made = [];
    for (let number = 0; number < 2; number++) made.push(await withWorktree(real));
    for (const { id, worktree } of made) writeFileSync(join(worktree, 'new.txt'), id);
    const options = JSON.stringify({ home: real.home, root: real.root });
    let interrupted = 0;
    for (const killAfterMs of [0, 150, 400, 900, 2_000]) {
      const child = spawn(process.execPath, ['--no-warnings', script, options], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      await once(child.stdout, 'data');
      await giveTimeTo('get anywhere in the collection', killAfterMs);
      if (child.exitCode === null && child.kill('SIGKILL')) interrupted += 1;
      if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
      for (const { id, worktree } of made) {
        const { store } = real.project;
        const owner = store.maintenance.exists(id) ? store.ownerOf(id) : null;
        // As if an hour had passed, after which the lease of a dead process does not count.
        if (owner !== null) store.heartbeat(owner, daysAgo(1));
        const isThere = existsSync(join(worktree, 'new.txt'));
        assert.ok(isThere || isKept(real, id, 'new.txt', id), `${id} after ${killAfterMs} ms`);
      }
    }
    const { heldBack, notRemoved } = await collect(real);
    assert.deepEqual([heldBack, notRemoved], [[], []]);
    for (const { id } of made)
      assert.ok(isKept(real, id, 'new.txt', id) && !existsSync(real.project.files.describe(id)));
    assert.equal(gitIn(real.root, 'worktree', 'list').split('\n').length, 1);
    assert.ok(interrupted >= 1, 'no round was killed');
  });
});
