import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chmodSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import type { CommitText } from '../../../src/application/ports/workspaces.ts';
import { smallDisk } from '../../helpers/small-disk.ts';
import { ScratchRepository } from './scratch-repository.ts';

const text: CommitText = { message: 'maos: coder\n', author: null, at: '2026-01-01T00:00:00.000Z' };
const keptRef = 'refs/maos/sess_00000000000000000000000001/coder/1';

function scratch(t: TestContext, name?: string, files?: Readonly<Record<string, string>>): ScratchRepository {
  const repository = new ScratchRepository(name, files);
  t.after(() => repository.remove());
  return repository;
}

/** Every file of the user's checkout, and what git knows of it besides objects, branches and refs of MAOS. */
function stateOf(folder: string, dotGit = join(folder, '.git')): Record<string, string> {
  const state: Record<string, string> = {};
  const add = (at: string, shown: string): void => {
    for (const entry of readdirSync(at, { withFileTypes: true })) {
      const path = `${shown}/${entry.name}`;
      const isOurs = /^\.git\/(objects|worktrees|refs\/maos|refs\/heads\/maos|logs\/refs)$/.test(
        path.slice(1),
      );
      if (entry.isDirectory() && !isOurs) add(join(at, entry.name), path);
      else if (entry.isFile()) state[path] = readFileSync(join(at, entry.name), 'latin1');
    }
  };
  add(folder, '');
  if (dotGit !== join(folder, '.git')) state.index = readFileSync(join(dotGit, 'index'), 'latin1');
  return state;
}

/**
 * An agent's whole course: begins, changes a file and adds one, is kept and removed.
 * @returns the paths that its commit changes, and the remarks
 */
async function course(repository: ScratchRepository, folder = repository.folder) {
  const before = stateOf(folder);
  const { workspaces } = repository;
  const { commit: base, remarks } = await workspaces.begin(folder);
  const place = repository.place('coder', folder);
  const { folder: worktree } = await workspaces.open(place, base, null);
  writeFileSync(join(worktree, 'new file.txt'), 'new\n');
  const kept = await workspaces.snapshot(place, base, keptRef, text);
  assert.ok(kept);
  assert.deepEqual(kept.unkept, []);
  assert.equal(await workspaces.remove(place, base, keptRef, text), null);
  const changed = repository.gitIn(folder, 'diff', '--name-status', base, keptRef);
  assert.equal(changed, 'A\tnew file.txt');
  assert.doesNotMatch(repository.gitIn(folder, 'worktree', 'list'), /agents/);
  assert.deepEqual(stateOf(folder), before, 'the checkout of the user is as it was');
  return { remarks, kept };
}

/** Files of a large repository; `MAOS_FILES=50000` makes it as large as people have them. */
const files = Number(process.env.MAOS_FILES ?? 2_000);

/** Commits files in folders of 1,000; the user's checkout has none of them. */
function addFiles(repository: ScratchRepository, count: number): void {
  const { folder, environment: env } = repository;
  const makeTree = (lines: readonly string[]): string =>
    execFileSync('git', ['mktree'], { cwd: folder, env, input: lines.join('\n'), encoding: 'utf8' }).trim();
  const blob = repository.git('rev-parse', 'HEAD:a.txt');
  const names = Array.from({ length: 1_000 }, (_, number) => `file-${number}.txt`);
  const tree = makeTree(names.map((name) => `100644 blob ${blob}\t${name}`));
  const folders = Array.from(
    { length: count / 1_000 },
    (_, number) => `040000 tree ${tree}\tfolder-${number}`,
  );
  const top = makeTree([`100644 blob ${blob}\ta.txt`, ...folders]);
  const commit = repository.git('commit-tree', top, '-p', 'HEAD', '-m', 'Many files');
  repository.git('update-ref', 'refs/heads/main', commit);
}

describe('an agent works and its worktree goes in a repository', () => {
  it('with spaces, marks and other scripts in its path', async (t) => {
    await course(scratch(t, `ä b'c "d" $HOME 日本`, { 'grün und blau.txt': 'x\n' }));
  });

  it('with staged, changed and untracked files of the user', async (t) => {
    const repository = scratch(t, undefined, { 'a.txt': '1\n', 'b.txt': '1\n' });
    repository.write('a.txt', '2\n');
    repository.git('add', 'a.txt');
    repository.write('a.txt', '3\n');
    repository.write('untracked.txt', 'x');
    const { remarks } = await course(repository);
    assert.ok(remarks.length >= 0);
  });

  it('that is shallow', async (t) => {
    const repository = scratch(t);
    for (const line of ['two', 'three']) {
      repository.write('a.txt', line);
      repository.commitAll(line);
    }
    const clone = join(repository.root, 'clone');
    repository.gitIn(repository.root, 'clone', '-q', '--depth=1', `file://${repository.folder}`, clone);
    await course(repository, clone);
  });

  it('that is a linked worktree of the user', async (t) => {
    const repository = scratch(t);
    const linked = join(repository.root, 'linked');
    repository.git('worktree', 'add', '-q', linked);
    await course(repository, linked);
  });

  it('whose HEAD is detached', async (t) => {
    const repository = scratch(t);
    repository.git('checkout', '-q', '--detach');
    await course(repository);
  });

  it('with a sparse checkout', async (t) => {
    const repository = scratch(t, undefined, { 'in/a.txt': 'x\n', 'out/b.txt': 'x\n', 'top.txt': 'x\n' });
    repository.git('sparse-checkout', 'set', 'in');
    await course(repository);
  });

  it('with a rebase in progress', async (t) => {
    const repository = scratch(t);
    repository.git('branch', 'other');
    repository.write('a.txt', 'two\n');
    repository.commitAll('Two');
    repository.git('checkout', '-q', 'other');
    repository.write('a.txt', 'three\n');
    repository.commitAll('Three');
    assert.throws(() => repository.git('rebase', '-q', 'main'));
    const { remarks } = await course(repository);
    assert.match(remarks.join('\n'), /rebase is in progress/);
  });

  it('whose index is locked by a process of the user', async (t) => {
    const repository = scratch(t);
    writeFileSync(join(repository.folder, '.git', 'index.lock'), '');
    await course(repository);
  });

  it('without a name of the user, where signing is required and gpg is missing, and with failing hooks', async (t) => {
    const repository = scratch(t);
    writeFileSync(
      join(repository.root, 'global-config'),
      '[commit]\n\tgpgSign = true\n[gpg]\n\tprogram = /missing\n',
    );
    const hooks = join(repository.folder, '.git', 'hooks');
    mkdirSync(hooks, { recursive: true });
    for (const name of ['pre-commit', 'post-checkout', 'reference-transaction', 'commit-msg']) {
      writeFileSync(join(hooks, name), `#!/bin/sh\ntouch '${repository.root}/hook-ran'\nexit 1\n`);
      chmodSync(join(hooks, name), 0o755);
    }
    await course(repository);
    assert.ok(!readdirSync(repository.root).includes('hook-ran'));
  });

  it('with a submodule', async (t) => {
    const repository = scratch(t);
    const library = scratch(t, 'library');
    repository.git('-c', 'protocol.file.allow=always', 'submodule', 'add', '-q', library.folder, 'lib');
    repository.commitAll('Submodule');
    const { remarks } = await course(repository);
    assert.match(remarks.join('\n'), /submodules are empty/);
  });

  it('with pointers of LFS and no git-lfs', async (t) => {
    const pointer = `version https://git-lfs.github.com/spec/v1\noid sha256:${'a'.repeat(64)}\nsize 12345\n`;
    const attributes = '*.bin filter=lfs diff=lfs merge=lfs -text\n';
    const repository = scratch(t, undefined, { '.gitattributes': attributes, 'big.bin': pointer });
    const { kept } = await course(repository);
    assert.equal(repository.git('show', `${kept.commit}:big.bin`), pointer.trimEnd());
  });

  it('that is bare', async (t) => {
    const repository = scratch(t);
    const bare = join(repository.root, 'bare.git');
    repository.gitIn(repository.root, 'clone', '-q', '--bare', repository.folder, bare);
    const { workspaces } = repository;
    const { commit: base } = await workspaces.begin(bare);
    const place = repository.place('coder', bare);
    const { folder } = await workspaces.open(place, base, null);
    writeFileSync(join(folder, 'new.txt'), 'x');
    assert.equal(await workspaces.remove(place, base, keptRef, text), null);
    assert.equal(repository.gitIn(bare, 'diff', '--name-status', base, keptRef), 'A\tnew.txt');
  });

  it('is refused before anything starts where there is no commit, and where there is no repository', async (t) => {
    const repository = scratch(t, 'unborn', {});
    const before = stateOf(repository.folder);
    await assert.rejects(repository.workspaces.begin(repository.folder), /no commit yet.*git commit/s);
    assert.deepEqual(stateOf(repository.folder), before);
    renameSync(join(repository.folder, '.git'), join(repository.root, 'moved'));
    await assert.rejects(
      repository.workspaces.begin(repository.folder),
      /not in a git repository.*git init/s,
    );
  });

  it(`of ${files} files in a sparse checkout`, async (t) => {
    const repository = scratch(t);
    addFiles(repository, files);
    repository.git('sparse-checkout', 'set', '--no-cone', '/folder-1/file-1.txt');
    repository.git('reset', '-q', '--hard');
    const { kept } = await course(repository);
    assert.equal(repository.git('ls-tree', '-r', '--name-only', kept.commit).split('\n').length, files + 2);
  });

  it(`with ${files} files in the worktree of the agent`, async (t) => {
    const repository = scratch(t);
    addFiles(repository, files);
    await course(repository);
  });

  it('on a full disk stays, with the reason, until there is space', async (t) => {
    const disk = smallDisk(t, 4_096);
    if (disk === null) return;
    const repository = scratch(t);
    const folder = join(disk, 'repository');
    repository.gitIn(repository.root, 'clone', '-q', repository.folder, folder);
    const { workspaces } = repository;
    const { commit: base } = await workspaces.begin(folder);
    const place = repository.place('coder', folder);
    const { folder: worktree } = await workspaces.open(place, base, null);
    const content = randomBytes(200_000).toString('hex');
    writeFileSync(join(worktree, 'new.txt'), content);
    const filler = join(disk, 'filler');
    assert.throws(() => writeFileSync(filler, Buffer.alloc(8 * 1024 * 1024)), /ENOSPC/);
    await assert.rejects(workspaces.snapshot(place, base, keptRef, text), {
      code: 'RESOURCE_LIMIT_EXCEEDED',
    });
    assert.match((await workspaces.remove(place, base, keptRef, text)) ?? '', /disk is full/);
    assert.equal(readFileSync(join(worktree, 'new.txt'), 'utf8'), content);
    rmSync(filler);
    assert.equal(await workspaces.remove(place, base, keptRef, text), null);
    assert.equal(repository.gitIn(folder, 'show', `${keptRef}:new.txt`), content);
  });
});
