import assert from 'node:assert/strict';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import type { CommitText, WorktreePlace } from '../../../src/application/ports/workspaces.ts';
import { ScratchRepository } from './scratch-repository.ts';

let scratch: ScratchRepository;
let place: WorktreePlace;
let base: string;
let folder: string;

const text: CommitText = {
  message: 'maos: coder\n\nMaos-Agent: agent_coder_1_abcdef\n',
  author: { name: 'coder (MAOS)', email: 'agent_coder_1_abcdef@maos.invalid' },
  at: '2026-01-02T03:04:05.678Z',
};
const keptRef = 'refs/maos/sess_00000000000000000000000001/coder/1';

beforeEach(async () => {
  scratch = new ScratchRepository('repository', {
    'a.txt': 'one\n',
    'b.txt': 'two\n',
    'deep/c.txt': 'three\n',
    '.gitignore': 'ignored/\n',
  });
  place = scratch.place();
  base = scratch.git('rev-parse', 'HEAD');
  ({ folder } = await scratch.workspaces.open(place, base, null));
});
afterEach(() => scratch.remove());

const inWorktree = (...args: string[]): string => scratch.gitIn(folder, ...args);
const take = async (ref = keptRef) => {
  const snapshot = await scratch.workspaces.snapshot(place, base, ref, text);
  assert.ok(snapshot);
  return snapshot;
};
const filesOf = (commit: string): string[] => scratch.git('ls-tree', '-r', '--name-only', commit).split('\n');
const isReachable = (commit: string): boolean =>
  scratch.git('rev-list', '--glob=refs/maos/*').split('\n').includes(commit);

function assertTidy(commit: string): void {
  assert.equal(scratch.git('rev-parse', `refs/heads/${place.branch}`), commit);
  assert.equal(scratch.git('rev-parse', keptRef), commit);
  assert.equal(inWorktree('symbolic-ref', 'HEAD'), `refs/heads/${place.branch}`);
  assert.equal(inWorktree('status', '--porcelain'), '');
}

describe('a snapshot', () => {
  it('commits changes, new files, deletions, modes and links, and leaves a clean worktree', async () => {
    scratch.write('a.txt', 'changed\n', folder);
    scratch.write('new/d.txt', 'four\n', folder);
    scratch.write('ignored/x', 'x', folder);
    rmSync(join(folder, 'b.txt'));
    chmodSync(join(folder, 'deep/c.txt'), 0o755);
    symlinkSync('a.txt', join(folder, 'link'));
    const { commit, diff, unkept } = await take();
    assert.deepEqual(filesOf(commit), ['.gitignore', 'a.txt', 'deep/c.txt', 'link', 'new/d.txt']);
    assert.match(scratch.git('ls-tree', commit, 'deep/c.txt'), /^100755/);
    assert.match(scratch.git('ls-tree', commit, 'link'), /^120000/);
    assert.deepEqual(diff, { files: 5, insertions: 3, deletions: 2 });
    assert.deepEqual(unkept, []);
    assertTidy(commit);
    assert.equal(
      scratch.git(
        'log',
        '-1',
        '--format=%an <%ae>|%cn <%ce>|%at|%ct|%s|%(trailers:key=Maos-Agent,valueonly)',
        commit,
      ),
      'coder (MAOS) <agent_coder_1_abcdef@maos.invalid>|Ann <ann@example.org>|1767323045|1767323045|maos: coder|agent_coder_1_abcdef\n',
    );
  });

  it('makes no commit when there is nothing new, and the same one when repeated', async () => {
    assert.equal((await take()).commit, base);
    assertTidy(base);
    scratch.write('a.txt', 'changed\n', folder);
    const { commit } = await take();
    assert.equal((await take()).commit, commit);
    assertTidy(commit);
  });

  it('is null without a worktree', async () => {
    assert.equal(await scratch.workspaces.snapshot(scratch.place('other'), base, keptRef, text), null);
  });

  it('is by MAOS where the user has no name', async () => {
    writeFileSync(join(scratch.root, 'global-config'), '[user]\n\tuseConfigOnly = true\n');
    scratch.write('a.txt', 'changed\n', folder);
    const { commit } = await take();
    assert.equal(scratch.git('log', '-1', '--format=%cn <%ce>', commit), 'MAOS <maos@localhost>');
  });

  it('holds names of any bytes, and files in place of folders', async () => {
    const strange = Buffer.from([...Buffer.from(`${folder}/x\ny "é" `), 0xff, 0xfe]);
    writeFileSync(strange, 'strange\n');
    rmSync(join(folder, 'deep'), { recursive: true });
    scratch.write('deep', 'a file\n', folder);
    rmSync(join(folder, 'a.txt'));
    scratch.write('a.txt/inside', 'a folder\n', folder);
    const { commit } = await take();
    const files = scratch.git('ls-tree', '-r', '-z', '--name-only', commit).split('\0');
    assert.ok(files.includes('deep') && files.includes('a.txt/inside'));
    assert.equal(files.filter((name) => name.startsWith('x\ny "é" ')).length, 1);
    assertTidy(commit);
  });

  it('sees what an agent hides from git by flags and times', async () => {
    inWorktree('update-index', '--assume-unchanged', 'a.txt');
    inWorktree('update-index', '--skip-worktree', 'b.txt');
    inWorktree('config', 'core.trustctime', 'false');
    inWorktree('config', 'core.checkStat', 'minimal');
    for (const name of ['a.txt', 'b.txt', 'deep/c.txt']) {
      scratch.write(name, 'xxx\n'.padEnd(name === 'deep/c.txt' ? 6 : 4, '!'), folder);
    }
    utimesSync(join(folder, 'deep/c.txt'), 1, 1);
    const { commit } = await take();
    assert.equal(scratch.git('diff', '--name-only', base, commit), 'a.txt\nb.txt\ndeep/c.txt');
  });

  it('takes the index that a killed git has locked or broken', async () => {
    const gitDir = inWorktree('rev-parse', '--absolute-git-dir');
    scratch.write('a.txt', 'changed\n', folder);
    writeFileSync(join(gitDir, 'index.lock'), '');
    writeFileSync(join(gitDir, 'HEAD.lock'), '');
    writeFileSync(join(scratch.folder, `.git/refs/heads/${place.branch}.lock`), '');
    assertTidy((await take()).commit);
    writeFileSync(join(gitDir, 'index'), 'broken');
    scratch.write('a.txt', 'changed again\n', folder);
    const { commit } = await take();
    assert.equal(scratch.git('diff', '--name-only', base, commit), 'a.txt');
    assertTidy(commit);
  });

  it('continues the commits of the agent on whatever it has checked out', async () => {
    scratch.write('a.txt', 'committed\n', folder);
    const own = scratch.commitAll('Own', folder);
    scratch.write('b.txt', 'not committed\n', folder);
    const first = await take();
    assert.equal(scratch.git('rev-parse', `${first.commit}^`), own);

    inWorktree('checkout', '-q', '-b', 'feature');
    scratch.write('c.txt', 'on a branch of its own\n', folder);
    const feature = scratch.commitAll('Feature', folder);
    inWorktree('checkout', '-q', '--detach');
    scratch.write('d.txt', 'detached\n', folder);
    const detached = scratch.commitAll('Detached', folder);
    const second = await take();
    assert.equal(second.commit, detached);
    assertTidy(detached);
    assert.equal(scratch.git('rev-parse', 'feature'), feature);
  });

  it('keeps every commit that HEAD or the branch has pointed to', async () => {
    scratch.write('a.txt', 'first try\n', folder);
    const thrownAway = scratch.commitAll('First try', folder);
    inWorktree('reset', '-q', '--hard', base);
    scratch.write('a.txt', 'amended\n', folder);
    const amended = scratch.commitAll('Amended', folder);
    inWorktree('commit', '-q', '--amend', '-m', 'Amended again');
    inWorktree('checkout', '-q', '--detach', base);
    scratch.write('z.txt', 'alone\n', folder);
    const alone = scratch.commitAll('Alone', folder);
    inWorktree('checkout', '-q', place.branch);
    inWorktree('update-ref', 'refs/worktree/mine', alone);
    const { commit } = await take();
    for (const kept of [thrownAway, amended, alone, commit]) assert.ok(isReachable(kept), kept);
    const history = scratch.git('rev-parse', `${keptRef}.history`);
    assert.equal((await take()).commit, commit);
    assert.equal(scratch.git('rev-parse', `${keptRef}.history`), history, 'nothing new is kept again');

    inWorktree('reset', '-q', '--hard', base);
    const again = await take();
    assert.equal(again.commit, base);
    for (const kept of [thrownAway, amended, alone, commit]) assert.ok(isReachable(kept), kept);
  });

  it('ends a rebase in progress and keeps what it began from', async () => {
    scratch.write('a.txt', 'theirs\n');
    const theirs = scratch.commitAll('Theirs');
    scratch.write('a.txt', 'ours\n', folder);
    const ours = scratch.commitAll('Ours', folder);
    assert.throws(() => inWorktree('rebase', theirs));
    const { commit } = await take();
    assert.equal(scratch.git('rev-parse', `${commit}^`), theirs);
    assert.match(scratch.git('show', `${commit}:a.txt`), /<<<<<<< /);
    assert.ok(isReachable(ours));
    assertTidy(commit);
  });

  it('concludes a merge whose conflicts are resolved, and leaves one that is not', async () => {
    scratch.write('a.txt', 'theirs\n');
    const theirs = scratch.commitAll('Theirs');
    scratch.write('a.txt', 'ours\n', folder);
    const ours = scratch.commitAll('Ours', folder);
    assert.throws(() => inWorktree('merge', theirs));
    const open = await take();
    assert.equal(scratch.git('rev-parse', `${open.commit}^@`), ours);
    assert.equal(inWorktree('rev-parse', 'MERGE_HEAD'), theirs);

    scratch.write('a.txt', 'both\n', folder);
    const merged = await take();
    assert.equal(scratch.git('rev-parse', `${merged.commit}^@`), `${open.commit}\n${theirs}`);
    assertTidy(merged.commit);
    assert.equal((await take()).commit, merged.commit);
  });

  it('names the repositories that no commit can hold', async () => {
    inWorktree('init', '-q', 'nested');
    scratch.write('nested/x', 'x', folder);
    scratch.commitAll('Nested', join(folder, 'nested'));
    inWorktree('init', '-q', 'added');
    scratch.write('added/x', 'x', folder);
    scratch.commitAll('Added', join(folder, 'added'));
    inWorktree('add', 'added');
    const { unkept } = await take();
    assert.deepEqual(unkept, ['added/', 'nested/']);
  });

  it('acts on the worktree alone, whatever the agent says of it', async () => {
    inWorktree('config', 'extensions.worktreeConfig', 'true');
    inWorktree('config', '--worktree', 'core.worktree', scratch.folder);
    scratch.write('a.txt', 'changed\n', folder);
    writeFileSync(join(folder, '.git'), `gitdir: ${join(scratch.folder, '.git')}\n`);
    const { commit } = await take();
    assert.equal(scratch.git('diff', '--name-only', base, commit), 'a.txt');
    assert.equal(readFileSync(join(scratch.folder, 'a.txt'), 'utf8'), 'one\n');
    assert.equal(scratch.git('symbolic-ref', 'HEAD'), 'refs/heads/main');
  });

  it('is made even when the repository has forgotten the worktree', async () => {
    scratch.write('a.txt', 'changed\n', folder);
    scratch.write('new.txt', 'new\n', folder);
    rmSync(inWorktree('rev-parse', '--absolute-git-dir'), { recursive: true });
    const { commit } = await take();
    assert.equal(scratch.git('diff', '--name-only', base, commit), 'a.txt\nnew.txt');
    assert.equal(scratch.git('rev-parse', `refs/heads/${place.branch}`), commit);
    assert.equal(scratch.git('status', '--porcelain'), '');
  });

  it('ends with its signal, before it changes anything', async () => {
    scratch.write('a.txt', 'changed\n', folder);
    const signal = AbortSignal.abort(new Error('cancelled'));
    await assert.rejects(scratch.workspaces.snapshot(place, base, keptRef, text, signal), /cancelled/);
    assert.equal(scratch.git('rev-parse', `refs/heads/${place.branch}`), base);
  });
});

describe('the removal of a worktree', () => {
  it('keeps everything, and leaves no trace in the repository', async () => {
    scratch.write('new.txt', 'work\n', folder);
    assert.equal(await scratch.workspaces.remove(place, base, keptRef, text), null);
    assert.ok(!existsSync(folder));
    assert.equal(scratch.git('show', `${keptRef}:new.txt`), 'work');
    assert.equal(scratch.git('worktree', 'list').split('\n').length, 1);
    assert.ok(!existsSync(join(scratch.folder, '.git/worktrees')));
    assert.equal(await scratch.workspaces.remove(place, base, keptRef, text), null);
  });

  it('leaves what no commit can hold, and says why', async () => {
    inWorktree('init', '-q', 'nested');
    const why = await scratch.workspaces.remove(place, base, keptRef, text);
    assert.match(why ?? '', /^No commit can hold "nested\/"/);
    assert.ok(existsSync(join(folder, 'nested')));
  });

  it('says why when the repository is gone', async () => {
    renameSync(scratch.folder, `${scratch.folder}.moved`);
    mkdirSync(scratch.folder);
    assert.match(
      (await scratch.workspaces.remove(place, base, keptRef, text)) ?? '',
      /not in a git repository/,
    );
    assert.ok(existsSync(folder));
  });
});
