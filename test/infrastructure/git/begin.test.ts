import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { isMaosError } from '../../../src/domain/errors.ts';
import { makeWorkspaces } from '../../../src/infrastructure/git/workspaces.ts';
import { ScratchRepository } from './scratch-repository.ts';

let scratch: ScratchRepository;
beforeEach(() => {
  scratch = new ScratchRepository();
});
afterEach(() => scratch.remove());

function refusal(pattern: RegExp): (error: unknown) => boolean {
  return (error) => {
    assert.ok(isMaosError(error, 'INVALID_INPUT'), String(error));
    assert.match(error.message, pattern);
    return true;
  };
}

/** A git that says that it is of another version. */
function gitOfVersion(version: string): string {
  const folder = join(scratch.root, 'bin');
  mkdirSync(folder);
  writeFileSync(join(folder, 'git'), `#!/bin/sh\necho "git version ${version}"\n`);
  chmodSync(join(folder, 'git'), 0o755);
  return folder;
}

describe('the beginning of worktrees', () => {
  it('is the commit and branch of the checkout', async () => {
    assert.deepEqual(await scratch.workspaces.begin(scratch.folder), {
      commit: scratch.git('rev-parse', 'HEAD'),
      branch: 'main',
      remarks: [],
    });
  });

  it('has no branch where none is checked out', async () => {
    scratch.git('checkout', '-q', '--detach');
    assert.equal((await scratch.workspaces.begin(scratch.folder)).branch, null);
  });

  it('says how many uncommitted changes the agents do not see', async () => {
    scratch.write('a.txt', 'changed\n');
    scratch.write('new/b.txt', 'new\n');
    const { remarks } = await scratch.workspaces.begin(scratch.folder);
    assert.match(remarks.join(), /^2 files have uncommitted changes/);
  });

  it('says that an operation is in progress', async () => {
    scratch.git('checkout', '-q', '-b', 'other');
    scratch.write('a.txt', 'theirs\n');
    scratch.commitAll('Theirs');
    scratch.git('checkout', '-q', 'main');
    scratch.write('a.txt', 'ours\n');
    const tip = scratch.commitAll('Ours');
    assert.throws(() => scratch.git('rebase', 'other'));
    const { commit, branch, remarks } = await scratch.workspaces.begin(scratch.folder);
    assert.equal(commit, scratch.git('rev-parse', 'other'));
    assert.notEqual(commit, tip);
    assert.equal(branch, null);
    assert.match(remarks.join('\n'), /A rebase is in progress/);
  });

  it('says that submodules are empty, and that filters of the repository do not run', async () => {
    scratch.write('.gitmodules', '[submodule "x"]\n\tpath = x\n\turl = ./x\n');
    scratch.commitAll('Submodule');
    scratch.git('config', 'filter.secret.smudge', 'decrypt');
    const { remarks } = await scratch.workspaces.begin(scratch.folder);
    assert.match(remarks[0] ?? '', /submodules are empty/);
    assert.match(remarks[1] ?? '', /defines the filter "secret"/);
  });

  it('works in a bare repository, a linked worktree, a folder below the top, and a path with spaces', async () => {
    const spaced = new ScratchRepository('müll & café 🎈');
    try {
      const head = spaced.git('rev-parse', 'HEAD');
      const bare = join(spaced.root, 'bare.git');
      const linked = join(spaced.root, 'linked');
      spaced.git('clone', '-q', '--bare', '.', bare);
      spaced.git('worktree', 'add', '-q', '-b', 'side', linked);
      spaced.write('below/b.txt', '');
      for (const [folder, branch] of [
        [spaced.folder, 'main'],
        [join(spaced.folder, 'below'), 'main'],
        [bare, 'main'],
        [linked, 'side'],
      ] as const) {
        const begun = await spaced.workspaces.begin(folder);
        assert.deepEqual({ commit: begun.commit, branch: begun.branch }, { commit: head, branch }, folder);
      }
    } finally {
      spaced.remove();
    }
  });

  it('is refused outside of a repository and before the first commit', async () => {
    await assert.rejects(
      scratch.workspaces.begin(scratch.root),
      refusal(/is not in a git repository.*`git init`/),
    );
    const unborn = new ScratchRepository('unborn', {});
    await assert.rejects(
      unborn.workspaces.begin(unborn.folder),
      refusal(/has no commit yet.*git commit --allow-empty/),
    );
    unborn.remove();
  });

  it('is refused where a branch has the name of the folder of branches', async () => {
    scratch.git('branch', 'maos');
    await assert.rejects(scratch.workspaces.begin(scratch.folder), refusal(/git branch -m maos NEW_NAME/));
  });

  it('is refused without git, and with one that is too old', async () => {
    const { layout } = scratch;
    const without = makeWorkspaces({ layout, environment: { PATH: scratch.root } });
    await assert.rejects(without.begin(scratch.folder), refusal(/there is no git in the PATH\. Install git/));
    const old = makeWorkspaces({ layout, environment: { PATH: gitOfVersion('2.17.1') } });
    await assert.rejects(
      old.begin(scratch.folder),
      refusal(/git 2\.25 or later is needed.*"git version 2\.17\.1"\. Install a newer git/),
    );
  });

  it('never runs a git that lies in the repository', async () => {
    scratch.write('git', '#!/bin/sh\ntouch "$HOME/ran"\n');
    chmodSync(join(scratch.folder, 'git'), 0o755);
    const workspaces = makeWorkspaces({
      layout: scratch.layout,
      environment: { ...scratch.environment, PATH: `.::${scratch.environment.PATH}` },
    });
    assert.equal((await workspaces.begin(scratch.folder)).branch, 'main');
  });
});
