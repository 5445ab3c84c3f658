import assert from 'node:assert/strict';
import { mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { parseSessionId } from '../../../src/domain/ids.ts';
import { makeWorkRefs } from '../../../src/infrastructure/git/work-refs.ts';
import { ScratchRepository } from './scratch-repository.ts';

const session = parseSessionId('sess_00000000000000000000000001');
const branch = (name: string): string => `refs/heads/maos/${session}/${name}`;

class Scratch extends ScratchRepository {
  readonly projects = join(this.root, 'home', 'projects');
  readonly refs = makeWorkRefs({ projectsFolder: this.projects, environment: this.environment });

  /** A commit on a ref, on top of the checked out one; the checkout stays as it is. */
  work(ref: string, content = ref): string {
    const blob = this.git('rev-parse', 'HEAD^{tree}');
    const commit = this.git('commit-tree', blob, '-p', 'HEAD', '-m', content);
    this.git('update-ref', ref, commit);
    return commit;
  }

  names(): string[] {
    return this.git('for-each-ref', '--format=%(refname)').split('\n');
  }

  /** A worktree as MAOS has them, in the home. */
  worktree(path = `p/sessions/${session}/agents/agent_coder_1_abcdef/worktree`): string {
    const folder = join(this.projects, path);
    mkdirSync(join(folder, '..'), { recursive: true });
    this.git('worktree', 'add', '-q', '--detach', folder);
    return folder;
  }
}

function scratch(t: TestContext): Scratch {
  const repository = new Scratch();
  t.after(() => repository.remove());
  return repository;
}

describe('the refs of MAOS in a repository', () => {
  it('are listed with whether they have landed and where they are checked out', async (t) => {
    const repository = scratch(t);
    const open = repository.work(branch('open'));
    const kept = repository.work(`refs/maos/${session}/open/1`, 'kept');
    const landed = repository.git('rev-parse', 'HEAD');
    repository.git('branch', `maos/${session}/landed-work`);
    const held = join(repository.root, 'a folder\nof the user');
    repository.git('worktree', 'add', '-q', '-b', `maos/${session}/held`, held);
    repository.git('branch', 'maos/other');
    repository.git('tag', 'maos-tag');
    const found = await repository.refs.listRefs(repository.folder);
    assert.deepEqual(
      found.map(({ name, commit, isLanded, checkedOutIn }) => [name, commit, isLanded, checkedOutIn]),
      [
        [branch('held'), landed, true, held],
        [branch('landed-work'), landed, true, null],
        [branch('open'), open, false, null],
        [`refs/maos/${session}/open/1`, kept, false, null],
      ],
    );
    assert.ok(found.every(({ sessionId }) => sessionId === session));
    assert.equal(
      Date.parse(found[2]?.committedAt ?? '') / 1_000,
      Number(repository.git('log', '-1', '--format=%ct', open)),
    );
  });

  it('have landed on a remote branch too, but not on a pushed branch of MAOS, nor by a replaced commit', async (t) => {
    const repository = scratch(t);
    const commits = ['pushed', 'merged', 'replaced'].map((name) => repository.work(branch(name), name));
    repository.git('update-ref', `refs/remotes/origin/maos/${session}/pushed`, commits[0] as string);
    repository.git('update-ref', 'refs/remotes/origin/main', commits[1] as string);
    const child = repository.git('commit-tree', 'HEAD^{tree}', '-p', commits[2] as string, '-m', 'child');
    repository.git('replace', repository.git('rev-parse', 'HEAD'), child);
    const found = await repository.refs.listRefs(repository.folder);
    const landed = found.filter(({ isLanded }) => isLanded).map(({ name }) => name);
    assert.deepEqual(landed, [branch('merged')]);
  });

  it('that are being rebased or bisected count as checked out', async (t) => {
    const repository = scratch(t);
    repository.write('a.txt', 'two\n');
    repository.commitAll('Second');
    repository.git('branch', `maos/${session}/rebased`, 'HEAD~1');
    const folder = join(repository.root, 'other');
    repository.git('worktree', 'add', '-q', folder, `maos/${session}/rebased`);
    repository.write('a.txt', 'three\n', folder);
    repository.commitAll('Third', folder);
    assert.throws(() => repository.gitIn(folder, 'rebase', '-q', 'main'));
    const [found] = await repository.refs.listRefs(repository.folder);
    assert.ok(found?.checkedOutIn);
    const commit = repository.git('rev-parse', `maos/${session}/rebased`);
    assert.deepEqual(
      await repository.refs.deleteRefs(repository.folder, [{ name: branch('rebased'), commit }]),
      [branch('rebased')],
    );
  });

  it('are deleted only where they were judged, and not while they are checked out', async (t) => {
    const repository = scratch(t);
    const refs = ['a', 'b', 'c'].map((name) => ({
      name: branch(name),
      commit: repository.work(branch(name), name),
    }));
    repository.git('pack-refs', '--all');
    repository.work(branch('b'), 'moved');
    repository.git('worktree', 'add', '-q', join(repository.root, 'other'), `maos/${session}/c`);
    assert.deepEqual((await repository.refs.deleteRefs(repository.folder, refs)).toSorted(), [
      branch('b'),
      branch('c'),
    ]);
    assert.deepEqual(repository.names(), ['refs/heads/main', branch('b'), branch('c')]);
  });

  it('are none without a repository, without a commit, and where git is missing', async (t) => {
    const repository = scratch(t);
    const empty = join(repository.root, 'empty');
    mkdirSync(empty);
    const withoutGit = makeWorkRefs({ projectsFolder: repository.projects, environment: { PATH: empty } });
    for (const folder of [empty, join(repository.root, 'none'), repository.folder]) {
      assert.deepEqual(await withoutGit.listRefs(folder), []);
      assert.deepEqual(await withoutGit.listWorktrees(folder), []);
      await withoutGit.forgetGone(folder);
    }
    repository.work(branch('a'));
    await assert.rejects(withoutGit.listRefs(repository.folder), /Install git/);
    const unborn = new ScratchRepository('unborn', {});
    t.after(() => unborn.remove());
    assert.deepEqual(await repository.refs.listRefs(unborn.folder), []);
  });
});

describe('worktrees of MAOS whose folders are gone', () => {
  it('are forgotten with their sessions, after keeping their commits; others stay', async (t) => {
    const repository = scratch(t);
    const folder = repository.worktree();
    const commit = repository.commitAll('Only here', folder);
    const tree = repository.worktree(`p/sessions/${session}/agents/agent_coder_1_abcdef/checks/2/tree`);
    const ofUser = join(repository.root, 'of the user');
    repository.git('worktree', 'add', '-q', '--detach', ofUser);
    renameSync(ofUser, `${ofUser} (on another disk)`);
    const away = join(repository.root, 'other', 'projects', 'p', 'sessions', session, 'agents');
    mkdirSync(join(away, 'agent_coder_1_abcdef'), { recursive: true });
    repository.git('worktree', 'add', '-q', '--detach', join(away, 'agent_coder_1_abcdef', 'worktree'));
    rmSync(join(repository.root, 'other'), { recursive: true });
    const listed = async () =>
      (await repository.refs.listWorktrees(repository.folder))
        .map((entry) => [entry.folder, entry.exists])
        .toSorted();
    const other = join(away, 'agent_coder_1_abcdef', 'worktree');
    assert.deepEqual(
      await listed(),
      [
        [folder, true],
        [tree, true],
        [other, false],
      ].toSorted(),
    );

    rmSync(folder, { recursive: true });
    await repository.refs.forgetGone(repository.folder);
    assert.equal((await listed()).length, 3, 'its session is there');

    rmSync(join(repository.projects, 'p', 'sessions', session), { recursive: true });
    await repository.refs.forgetGone(repository.folder);
    assert.deepEqual(await listed(), [[other, false]]);
    assert.match(repository.git('worktree', 'list'), /of the user/);
    const keptRef = `refs/maos/${session}/agent_coder_1_abcdef/${commit.slice(0, 12)}`;
    assert.equal(repository.git('rev-parse', keptRef), commit);
    repository.git('gc', '-q', '--prune=now');
    assert.equal(repository.git('cat-file', '-t', commit), 'commit');
  });

  it('are left where something else has the name', async (t) => {
    const repository = scratch(t);
    const folder = repository.worktree('p/sessions/mine/agents/agent_coder_1_abcdef/worktree');
    rmSync(folder, { recursive: true });
    writeFileSync(join(repository.folder, '.git', 'worktrees', 'file'), 'x');
    await repository.refs.forgetGone(repository.folder);
    assert.match(repository.git('worktree', 'list'), /agent_coder_1_abcdef/);
  });
});
