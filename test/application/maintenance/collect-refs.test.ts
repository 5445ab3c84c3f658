import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { collectGarbage } from '../../../src/application/maintenance/retention/collect-garbage.ts';
import type { RetentionPolicy } from '../../../src/application/ports/maintenance.ts';
import { makeSessionId, type SessionId } from '../../../src/domain/ids.ts';
import { endedSession } from '../../helpers/ended-sessions.ts';
import { gitIn, makeRepository } from '../../helpers/git-project.ts';
import { type RealProject, realProject } from '../../helpers/real-project.ts';

const dayMs = 86_400_000;
const unlimited: RetentionPolicy = { maxAgeMs: null, maxSessions: null, maxBytes: null, maxRefsAgeMs: null };
const inDays = (days: number): string => new Date(Date.now() + days * dayMs).toISOString();

function repositoryOf(t: TestContext): RealProject {
  const real = realProject(t);
  makeRepository(real.root);
  return real;
}

/** Points the refs of an agent to a commit with its work, or to `commit`. */
function keepWork({ root }: RealProject, id: SessionId, commit: string | null = null): string {
  const work = commit ?? gitIn(root, 'commit-tree', 'HEAD^{tree}', '-p', 'HEAD', '-m', id);
  gitIn(root, 'update-ref', `refs/heads/maos/${id}/coder`, work);
  gitIn(root, 'update-ref', `refs/maos/${id}/coder/1`, work);
  return work;
}

function newId({ project }: RealProject): SessionId {
  return makeSessionId(project.ids.ulid());
}

function namesIn({ root }: RealProject): string[] {
  return gitIn(root, 'for-each-ref', '--format=%(refname)').split('\n');
}

const namesOf = (id: SessionId): string[] => [`refs/heads/maos/${id}/coder`, `refs/maos/${id}/coder/1`];

describe('branches and refs', () => {
  it('of sessions that are gone go when they have landed, or are old; a dry run says the same', async (t) => {
    const real = repositoryOf(t);
    const [landed, open] = [newId(real), newId(real)];
    keepWork(real, landed, gitIn(real.root, 'rev-parse', 'HEAD'));
    keepWork(real, open);
    const collect = (policy: Partial<RetentionPolicy>, now: string, dryRun = false) =>
      collectGarbage(real.project, { ...unlimited, ...policy }, now, dryRun);
    const planned = await collect({ maxRefsAgeMs: 90 * dayMs }, inDays(0), true);
    assert.deepEqual(
      planned.refs.map(({ name, reason }) => [name, reason]),
      namesOf(landed).map((name) => [name, 'landed']),
    );
    assert.deepEqual(namesIn(real).length, 5);
    assert.deepEqual((await collect({ maxRefsAgeMs: 90 * dayMs }, inDays(0))).refs, planned.refs);
    assert.deepEqual(namesIn(real), ['refs/heads/main', ...namesOf(open)]);
    assert.deepEqual((await collect({}, inDays(10_000))).refs, [], 'without a limit, unlanded work stays');
    assert.deepEqual((await collect({ maxRefsAgeMs: 90 * dayMs }, inDays(89))).refs, []);
    const old = await collect({ maxRefsAgeMs: 90 * dayMs }, inDays(91));
    assert.deepEqual(
      old.refs.map(({ name, reason }) => [name, reason]),
      namesOf(open).map((name) => [name, 'age']),
    );
    assert.deepEqual(namesIn(real), ['refs/heads/main']);
  });

  it('of a session that is removed in the same collection go with it if they have landed', async (t) => {
    const real = repositoryOf(t);
    const [landed, open, kept] = [9, 8, 1].map((days) => endedSession(real, inDays(-days)));
    assert.ok(landed && open && kept);
    for (const id of [landed, kept]) keepWork(real, id, gitIn(real.root, 'rev-parse', 'HEAD'));
    keepWork(real, open);
    const policy = { ...unlimited, maxAgeMs: 5 * dayMs, maxRefsAgeMs: 90 * dayMs };
    const planned = await collectGarbage(real.project, policy, inDays(0), true);
    const done = await collectGarbage(real.project, policy, inDays(0), false);
    assert.deepEqual(done.refs, planned.refs);
    assert.deepEqual(
      done.refs.map(({ name }) => name),
      namesOf(landed),
    );
    assert.deepEqual(
      namesIn(real).toSorted(),
      ['refs/heads/main', ...namesOf(open), ...namesOf(kept)].toSorted(),
    );
  });

  it('are not older than their session, whatever date an agent gives its commits', async (t) => {
    const real = repositoryOf(t);
    const id = newId(real);
    const forged = gitIn(real.root, '-c', 'user.name=x', 'commit-tree', 'HEAD^{tree}', '-m', 'x');
    const old = gitIn(real.root, 'cat-file', 'commit', forged).replace(/ \d+ \+0000/g, ' 1000000000 +0000');
    const file = join(real.root, '..', 'commit');
    writeFileSync(file, `${old}\n`);
    keepWork(real, id, gitIn(real.root, 'hash-object', '-t', 'commit', '-w', file));
    const policy = { ...unlimited, maxRefsAgeMs: 90 * dayMs };
    assert.deepEqual((await collectGarbage(real.project, policy, inDays(0), false)).refs, []);
  });

  it('stay while a project of this home has the session, or a worktree of it is there', async (t) => {
    const real = repositoryOf(t);
    const [elsewhere, otherHome] = [newId(real), newId(real)];
    const projects = dirname(dirname(real.database));
    mkdirSync(join(projects, 'f'.repeat(64), 'sessions', elsewhere), { recursive: true });
    const agents = join(real.root, '..', 'other', 'projects', 'p', 'sessions', otherHome, 'agents');
    mkdirSync(join(agents, 'agent_coder_1_abcdef'), { recursive: true });
    gitIn(real.root, 'worktree', 'add', '-q', '--detach', join(agents, 'agent_coder_1_abcdef', 'worktree'));
    for (const id of [elsewhere, otherHome]) keepWork(real, id, gitIn(real.root, 'rev-parse', 'HEAD'));
    const { refs } = await collectGarbage(real.project, { ...unlimited, maxRefsAgeMs: 0 }, inDays(1), false);
    assert.deepEqual(refs, []);
  });
});
