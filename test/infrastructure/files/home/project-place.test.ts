import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  realpathSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { placeOf } from '../../../../src/infrastructure/files/home/project-place.ts';

const root = realpathSync(mkdtempSync(join(tmpdir(), 'maos-place-')));
after(() => rmSync(root, { recursive: true, force: true }));

/** Without the machine's git settings, and the variables of a hook that runs these tests. */
const env = {
  PATH: process.env.PATH,
  HOME: root,
  GIT_CONFIG_NOSYSTEM: '1',
  GIT_AUTHOR_NAME: 'a',
  GIT_AUTHOR_EMAIL: 'a@example.org',
  GIT_COMMITTER_NAME: 'a',
  GIT_COMMITTER_EMAIL: 'a@example.org',
};

function git(folder: string, ...args: string[]): void {
  execFileSync('git', ['-C', folder, ...args], { env, stdio: ['ignore', 'ignore', 'pipe'] });
}

function folder(...parts: string[]): string {
  const path = join(root, ...parts);
  mkdirSync(path, { recursive: true });
  return path;
}

function repository(...parts: string[]): string {
  const path = folder(...parts);
  git(path, 'init', '-q', '-b', 'main');
  git(path, 'commit', '-q', '--allow-empty', '-m', 'first');
  return path;
}

const skip = spawnSync('git', ['--version']).status === 0 ? false : 'there is no git here';

describe('the project of a folder', { skip }, () => {
  const projectOf = (path: string): string => placeOf(path).project;

  it('is the folder itself where there is no repository', () => {
    const plain = folder('plain', 'deep');
    assert.deepEqual(placeOf(plain), { folder: plain, project: plain });
    symlinkSync(plain, join(root, 'link-to-plain'));
    assert.deepEqual(placeOf(join(root, 'link-to-plain')), { folder: plain, project: plain });
  });

  it("is the repository's top folder, from wherever in it", () => {
    const top = repository('shop');
    const deep = folder('shop', 'packages', 'web');
    assert.deepEqual(placeOf(deep), { folder: deep, project: top });
    assert.equal(projectOf(top), top);
    for (const inside of ['.git', '.git/hooks', '.git/refs/heads']) {
      assert.equal(projectOf(folder('shop', inside)), top, inside);
    }
    symlinkSync(deep, join(root, 'link-into-shop'));
    assert.equal(projectOf(join(root, 'link-into-shop')), top);
  });

  it('is one for all worktrees of a repository: that of the main one', () => {
    const top = repository('main tree');
    const linked = join(root, 'linked');
    git(top, 'worktree', 'add', '-q', linked);
    const deep = folder('linked', 'src');
    assert.deepEqual(placeOf(deep), { folder: deep, project: top });
    assert.equal(projectOf(join(top, '.git', 'worktrees', 'linked')), top);
  });

  it('is its own for a submodule, and for all worktrees of it', () => {
    const library = repository('library');
    const top = repository('with-submodule');
    git(top, '-c', 'protocol.file.allow=always', 'submodule', 'add', '-q', library, 'lib');
    const submodule = join(top, 'lib');
    assert.equal(projectOf(folder('with-submodule', 'lib', 'src')), submodule);
    assert.equal(projectOf(top), top);
    const linked = join(root, 'linked-submodule');
    git(submodule, 'worktree', 'add', '-q', linked);
    assert.equal(projectOf(linked), submodule);
    assert.equal(projectOf(join(top, '.git', 'modules', 'lib')), submodule);
  });

  it('is a bare repository for its worktrees, or the folder whose .git names it', () => {
    const source = repository('source');
    const bare = join(root, 'bare.git');
    git(root, 'clone', '-q', '--bare', source, bare);
    git(bare, 'worktree', 'add', '-q', join(root, 'of-bare'), 'main');
    assert.equal(projectOf(join(root, 'of-bare')), bare);
    assert.equal(projectOf(folder('bare.git', 'refs')), bare);

    const around = folder('around');
    git(root, 'clone', '-q', '--bare', source, join(around, '.bare'));
    writeFileSync(join(around, '.git'), 'gitdir: ./.bare\n');
    git(around, 'worktree', 'add', '-q', join(around, 'main'), 'main');
    for (const path of [around, join(around, 'main'), join(around, '.bare')]) {
      assert.equal(projectOf(path), around, path);
    }
  });

  it('is the work tree whose git folder lies elsewhere', () => {
    const top = folder('separate');
    git(root, 'init', '-q', '--separate-git-dir', join(root, 'git folder'), top);
    assert.equal(projectOf(folder('separate', 'deep')), top);
  });

  it('is where a broken .git file lies, and no repository at all where .git is something else', () => {
    const gone = repository('gone');
    const linked = join(root, 'left-over');
    git(gone, 'worktree', 'add', '-q', linked);
    renameSync(gone, join(root, 'moved'));
    assert.equal(projectOf(folder('left-over', 'deep')), linked);

    const outer = repository('outer');
    mkdirSync(join(folder('outer', 'empty'), '.git'));
    assert.equal(projectOf(join(outer, 'empty')), outer);
    writeFileSync(join(folder('outer', 'text'), '.git'), 'no gitdir\n');
    assert.equal(projectOf(join(outer, 'text')), outer);
    writeFileSync(join(folder('outer', 'large'), '.git'), `gitdir: ${'x'.repeat(1_000_000)}\n`);
    assert.equal(projectOf(join(outer, 'large')), outer);
    const pipe = join(folder('outer', 'pipe'), '.git');
    execFileSync('mkfifo', [pipe]);
    assert.equal(projectOf(join(outer, 'pipe')), outer);
    symlinkSync('.git', join(folder('outer', 'loop'), '.git'));
    assert.equal(projectOf(join(outer, 'loop')), outer);
    assert.ok(existsSync(pipe));
  });

  it('is not asked of the environment', (t) => {
    const top = repository('named');
    t.after(() => delete process.env.GIT_DIR);
    process.env.GIT_DIR = join(root, 'shop', '.git');
    assert.equal(projectOf(top), top);
  });
});
