import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import type { CommitText } from '../../../src/application/ports/workspaces.ts';
import {
  type MergeTrees,
  makeBench,
  mergeWithMergeTree,
  mergeWithRecursive,
} from '../../../src/infrastructure/git/merge-trees.ts';
import { openRepository } from '../../../src/infrastructure/git/repository.ts';
import { makeGit } from '../../../src/infrastructure/git/run-git.ts';
import { withScratch } from '../../../src/infrastructure/git/scratch.ts';
import { HistoryRepository, type TestFiles } from './history-repository.ts';

const text = (): CommitText => ({
  message: 'Join\n\nMaos-Session: sess_1\n',
  author: { name: 'lint', email: 'lint@maos.invalid' },
  at: '2026-01-02T03:04:05.000Z',
});

const made: HistoryRepository[] = [];
after(() => {
  for (const repository of made) repository.remove();
});

function setUp(files?: TestFiles) {
  const plain = new HistoryRepository(files);
  made.push(plain);
  const { folder, workspaces, base } = plain;
  const scratch = join(plain.root, 'maos', 'git');
  return {
    plain,
    scratch,
    base,
    join: (...commits: string[]) => workspaces.join(folder, commits, text),
    squash: (onto: string, commit: string) => workspaces.squash(folder, onto, commit, text()),
    merge: (how: MergeTrees, ours: string, theirs: string) =>
      withScratch(scratch, async (bench) => {
        const repository = await openRepository(makeGit(plain.environment), folder);
        return how(await makeBench(repository, bench, ours), ours, theirs);
      }),
  };
}

describe('looking up commits', () => {
  it('finds branches and refs, and takes nothing else for a name', async () => {
    const { plain, base } = setUp();
    const { folder, workspaces } = plain;
    const next = plain.commit({ b: 'b' });
    plain.git('update-ref', 'refs/maos/kept', base);
    assert.equal(await workspaces.resolve(folder, 'main'), next);
    assert.equal(await workspaces.resolve(folder, 'refs/maos/kept'), base);
    for (const name of ['none', 'refs/maos/none', 'main~1', 'main^{tree}', 'main@{0}', 'ma*', '']) {
      assert.equal(await workspaces.resolve(folder, name), null, name);
    }
    assert.equal(await workspaces.isAncestor(folder, base, next), true);
    assert.equal(await workspaces.isAncestor(folder, next, base), false);
    await assert.rejects(workspaces.isAncestor(folder, '1'.repeat(40), base), { code: 'INTERNAL' });
  });
});

describe('joining commits', () => {
  it('makes no commit where one contains the other', async () => {
    const { plain, base, join: joined } = setUp();
    const next = plain.commitOn(base, 'next', { 'b.txt': 'b' });
    for (const commits of [[next], [next, next], [base, next], [next, base], [base, next, base]]) {
      assert.deepEqual(await joined(...commits), { how: 'clean', commit: next });
    }
  });

  it('merges three in order into commits with both parents, whose ids repeat', async () => {
    const { plain, scratch, base, join: joined } = setUp();
    const one = plain.commitOn(base, 'one', { 'a.txt': 'one\n2\n3\n4\n5\n' });
    const two = plain.commitOn(base, 'two', { 'a.txt': '1\n2\n3\n4\ntwo\n' });
    const three = plain.commitOn(base, 'three', { 'a.txt': null, 'moved.txt': '1\n2\n3\n4\n5\n' });
    const before = plain.git('status', '--porcelain', '--ignored');
    const result = await joined(one, two, three);
    assert.ok(result.how === 'clean');
    assert.equal(plain.show(result.commit, 'moved.txt'), 'one\n2\n3\n4\ntwo');
    assert.equal(plain.git('rev-parse', `${result.commit}^2`), three);
    assert.equal(plain.git('rev-parse', `${result.commit}^1^1`, `${result.commit}^1^2`), `${one}\n${two}`);
    assert.equal(
      plain.git('show', '-s', '--format=%an <%ae> %aI %cn %cI %s', result.commit),
      'lint <lint@maos.invalid> 2026-01-02T03:04:05+00:00 Ann 2026-01-02T03:04:05+00:00 Join',
    );
    assert.deepEqual(await joined(one, two, three), result);
    assert.equal(plain.git('status', '--porcelain', '--ignored'), before);
    assert.deepEqual(readdirSync(scratch), []);
  });

  it('merges histories without a common commit', async () => {
    const { plain, base, join: joined } = setUp();
    plain.git('checkout', '--quiet', '--orphan', 'other');
    plain.git('rm', '-rq', '--force', '.');
    const other = plain.commit({ 'other.txt': 'x' });
    const result = await joined(base, other);
    assert.ok(result.how === 'clean');
    assert.equal(plain.git('ls-tree', '-r', '--name-only', result.commit), 'a.txt\nother.txt');
  });

  it('works in a shallow clone and in a bare repository', async () => {
    const { plain, base } = setUp();
    const one = plain.commitOn(base, 'one', { 'b.txt': 'b' });
    const two = plain.commitOn(base, 'two', { 'c.txt': 'c' });
    for (const options of [['--bare'], ['--depth=2', '--no-single-branch']]) {
      const clone = join(plain.root, `clone${options[0]}`);
      assert.equal(
        plain.tryGitIn(plain.root, 'clone', '-q', ...options, `file://${plain.folder}`, clone).status,
        0,
      );
      const result = await plain.workspaces.join(clone, [one, two], text);
      assert.ok(result.how === 'clean');
      const { stdout } = plain.tryGitIn(clone, 'ls-tree', '-r', '--name-only', result.commit);
      assert.equal(stdout, 'a.txt\nb.txt\nc.txt\n');
    }
  });

  it('runs no program that the configuration of the repository names', async () => {
    const { plain, base, join: joined } = setUp({ a: '1\n', '.gitattributes': 'a merge=evil filter=evil' });
    const commits = ['ours', 'theirs'].map((side) => plain.commitOn(base, side, { a: `${side}\n` }));
    const ran = join(plain.root, 'ran');
    const program = `echo x >> '${ran}'; exit 0`;
    for (const key of ['merge.evil.driver', 'filter.evil.clean', 'filter.evil.smudge', 'core.fsmonitor']) {
      plain.git('config', key, program);
    }
    for (const hook of ['reference-transaction', 'post-index-change', 'post-checkout']) {
      mkdirSync(join(plain.folder, '.git/hooks'), { recursive: true });
      writeFileSync(join(plain.folder, '.git/hooks', hook), `#!/bin/sh\n${program}`, { mode: 0o755 });
    }
    const result = await joined(...commits);
    assert.equal(existsSync(ran), false);
    assert.ok(result.how === 'conflict');
    assert.deepEqual(result.conflict.paths, ['a']);
    plain.tryGit('merge', '-q', commits[1] as string);
    assert.equal(existsSync(ran), true);
  });

  it('merges by the attributes of the first commit, not by those of the checkout', async () => {
    const { plain, base, join: joined } = setUp({ 'log.txt': '1\n' });
    const united = plain.commitOn(base, 'united', {
      '.gitattributes': '*.txt merge=union',
      'log.txt': '1\na\n',
    });
    const other = plain.commitOn(base, 'other', { 'log.txt': '1\nb\n' });
    plain.writeAll({ '.gitattributes': '*.txt -merge' });
    const result = await joined(united, other);
    assert.ok(result.how === 'clean');
    assert.equal(plain.show(result.commit, 'log.txt'), '1\na\nb');
    plain.writeAll({ '.gitattributes': '*.txt merge=union' });
    assert.equal(
      (await joined(other, plain.commitOn(base, 'third', { 'log.txt': '1\nc\n' }))).how,
      'conflict',
    );
  });

  it('removes what a killed process has left', async () => {
    const { plain, scratch, base, squash } = setUp();
    mkdirSync(join(scratch, `${spawnSync('true').pid}-0123456789ab`, 'git'), { recursive: true });
    await squash(base, plain.commitOn(base, 'one', { 'b.txt': 'b' }));
    assert.deepEqual(readdirSync(scratch), []);
  });
});

describe('the paths of a conflict', () => {
  const submodules = ['1'.repeat(40), '2'.repeat(40), '3'.repeat(40)].map((submodule) => ({ submodule }));
  const [first, second, third] = submodules as [TestFiles[string], TestFiles[string], TestFiles[string]];
  const long = Array.from({ length: 30 }, (_, line) => `line ${line}\n`).join('');
  const cases: Record<
    string,
    { base: TestFiles; ours: TestFiles; theirs: TestFiles; paths: readonly string[] }
  > = {
    'the same lines': { base: { a: '1\n' }, ours: { a: '2\n' }, theirs: { a: '3\n' }, paths: ['a'] },
    'names with spaces, quotes, newlines and other letters': {
      base: {},
      ours: { 'ein "Name"\nä': '1', 'b c': '1' },
      theirs: { 'ein "Name"\nä': '2', 'b c': '2' },
      paths: ['b c', 'ein "Name"\nä'],
    },
    'a rename of what is deleted': {
      base: { a: long },
      ours: { a: null, b: `${long}x\n` },
      theirs: { a: null },
      paths: ['b'],
    },
    'changes of what is deleted': { base: { a: '1' }, ours: { a: null }, theirs: { a: '2' }, paths: ['a'] },
    'one file renamed twice': {
      base: { a: long },
      ours: { a: null, b: long },
      theirs: { a: null, c: long },
      paths: ['a', 'b', 'c'],
    },
    'a program and a link': {
      base: {},
      ours: { a: { program: '#!/bin/sh' } },
      theirs: { a: { link: 'b' } },
      paths: ['a'],
    },
    bytes: {
      base: { a: Buffer.from([0, 1]) },
      ours: { a: Buffer.from([0, 2]) },
      theirs: { a: Buffer.from([0, 3]) },
      paths: ['a'],
    },
    'a submodule': { base: { s: first }, ours: { s: second }, theirs: { s: third }, paths: ['s'] },
    'a file and a folder': { base: {}, ours: { d: 'file' }, theirs: { 'd/f': 'below' }, paths: ['d'] },
  };
  for (const [name, { base, ours, theirs, paths }] of Object.entries(cases)) {
    it(`are exact for ${name}`, async () => {
      const { plain, merge, base: commit } = setUp({ keep: 'x', ...base });
      const sides = [plain.commitOn(commit, 'ours', ours), plain.commitOn(commit, 'theirs', theirs)] as const;
      const found = await merge(mergeWithMergeTree, ...sides);
      assert.deepEqual(found, { isClean: false, paths });
      assert.deepEqual(await merge(mergeWithRecursive, ...sides), found);
    });
  }

  it('are none for a merge without conflicts, whichever git merges', async () => {
    const { plain, merge, base } = setUp({ a: long, dir: 'file', run: 'x' });
    const ours = plain.commitOn(base, 'ours', { a: null, b: `top\n${long}`, run: { program: 'x' } });
    const theirs = plain.commitOn(base, 'theirs', {
      a: `${long}end\n`,
      dir: null,
      'dir/f': 'new',
      l: { link: 'a' },
    });
    const found = await merge(mergeWithMergeTree, ours, theirs);
    assert.ok(found.isClean);
    assert.deepEqual(await merge(mergeWithRecursive, ours, theirs), found);
    plain.git('checkout', '-q', ours);
    plain.git('merge', '-q', '--no-edit', theirs);
    assert.equal(plain.git('rev-parse', 'HEAD^{tree}'), found.tree);
  });
});

it('a merge that git itself breaks off is a conflict, and begins in a worktree', async () => {
  const { plain, base, join: joined } = setUp({ 'A.txt': { link: 'a.txt' } });
  const submodule = { submodule: '1'.repeat(40) };
  const ours = plain.commitOn(base, 'ours', { 'A.txt': null, 'a.txt': { link: 'a.txt' } });
  const theirs = plain.commitOn(base, 'theirs', { 'A.txt': submodule, 'a.txt': submodule });
  const found = await joined(ours, theirs);
  assert.ok(found.how === 'conflict');
  assert.deepEqual(found.conflict.paths, ['A.txt', 'a.txt']);
  const place = plain.place();
  const { folder } = await plain.workspaces.open(place, ours, null, found.conflict);
  assert.equal(plain.gitIn(folder, 'rev-parse', 'MERGE_HEAD'), theirs);
  assert.match(plain.gitIn(folder, 'ls-files', '--unmerged'), /\ta\.txt$/m);
});

describe('squashing', () => {
  it('makes one commit of all changes, on the target alone', async () => {
    const { plain, base, squash } = setUp();
    plain.git('checkout', '-q', '-b', 'work');
    plain.commit({ 'b.txt': 'b' });
    const work = plain.commit({ 'c.txt': 'c' });
    const target = plain.commitOn(base, 'target', { 'd.txt': 'd' });
    const result = await squash(target, work);
    assert.ok(result.how === 'clean');
    assert.equal(plain.git('show', '-s', '--format=%P', result.commit), target);
    assert.equal(plain.git('ls-tree', '--name-only', result.commit), 'a.txt\nb.txt\nc.txt\nd.txt');
    assert.deepEqual(await squash(target, work), result);
    assert.deepEqual(await squash(result.commit, work), result);
  });

  it('reports conflicts like a merge', async () => {
    const { plain, base, squash } = setUp();
    const work = plain.commitOn(base, 'work', { 'a.txt': 'x' });
    const target = plain.commitOn(base, 'target', { 'a.txt': 'y' });
    assert.deepEqual(await squash(target, work), {
      how: 'conflict',
      conflict: { ours: target, theirs: work, paths: ['a.txt'] },
    });
  });
});
