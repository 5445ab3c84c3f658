import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import type { CommitText } from '../../../src/application/ports/workspaces.ts';
import { filesIn, HistoryRepository, type TestFiles } from './history-repository.ts';

const text = (): CommitText => ({
  message: 'Join\n',
  author: null,
  at: '2026-01-02T03:04:05.000Z',
});

const made: HistoryRepository[] = [];
after(() => {
  for (const repository of made) repository.remove();
});

const many = (name: string, changed = 0): string =>
  Array.from({ length: 20 }, (_, line) => `${name} ${line === changed ? 'changed' : line}\n`).join('');
const base: TestFiles = {
  'a.txt': 'one\n',
  list: 'first\n',
  'to move': many('moves', -1),
  link: { link: 'a.txt' },
};
const works: readonly TestFiles[] = [
  { 'new/ä file': 'new\n', link: { link: 'list' } },
  { 'to move': null, 'new/moved': many('moves', 3), 'same start': many('moves', 3) },
  { 'a.txt': 'two\n', run: { program: 'program\n' } },
  { '.gitattributes': 'list merge=union\n', list: 'first\nsecond\n' },
  // Merges only by the attribute that has just landed.
  { list: 'first\nthird\n' },
  { 'the last': 'last\n' },
];

function make(...each: readonly TestFiles[]): { plain: HistoryRepository; commits: readonly string[] } {
  const plain = new HistoryRepository(base);
  made.push(plain);
  return { plain, commits: each.map((work, number) => plain.commitOn(plain.base, `work-${number}`, work)) };
}

/** Merges a commit onto `main`, and moves it there with the checkout. */
async function land(plain: HistoryRepository, commit: string) {
  const { folder, workspaces } = plain;
  const tip = plain.git('rev-parse', 'main');
  const joined = await workspaces.join(folder, [tip, commit], text);
  assert.ok(joined.how === 'clean', `${commit} conflicts`);
  const stat = await workspaces.stat(folder, tip, joined.commit);
  const moved = await workspaces.moveBranch(folder, 'main', tip, joined.commit);
  return { tip, commit: joined.commit, stat, moved };
}

describe('merges that land one after another where their target is checked out', () => {
  it('leave files, index and sizes as git has them each time', async () => {
    const { plain, commits } = make(...works);
    for (const [number, work] of commits.entries()) {
      const { tip, commit, stat, moved } = await land(plain, work);
      assert.deepEqual(moved, { how: 'moved' });
      assert.equal(plain.git('rev-parse', 'main'), commit);
      // The index must have the times of the files before anything looks at them.
      assert.equal(plain.git('diff-files', '--name-only'), '', `${number}`);
      assert.equal(plain.git('write-tree'), plain.git('rev-parse', `${commit}^{tree}`));
      assert.equal(plain.git('status', '--porcelain'), '');
      const line = plain.git('diff', '--shortstat', tip, commit);
      const count = (what: RegExp) => Number(what.exec(line)?.[1] ?? 0);
      const [files, insertions, deletions] = [/(\d+) f/, /(\d+) i/, /(\d+) d/].map(count);
      assert.deepEqual(stat, { files, insertions, deletions });
    }
    assert.equal(plain.git('show', 'main:list'), 'first\nsecond\nthird');
    assert.deepEqual(filesIn(plain.folder)['new/moved'], `false ${many('moves', 3)}`);
  });

  it('stop when git is told in between not to look at a file', async () => {
    const [b, c, a] = [{ 'b.txt': 'b\n' }, { 'c.txt': 'c\n' }, { 'a.txt': 'two\n' }];
    const { plain, commits } = make(b, c, a);
    assert.equal((await land(plain, commits[0] as string)).moved.how, 'moved');
    plain.git('update-index', '--assume-unchanged', 'a.txt');
    plain.write('a.txt', 'mine');
    assert.equal((await land(plain, commits[1] as string)).moved.how, 'moved');
    const { moved } = await land(plain, commits[2] as string);
    assert.ok(moved.how === 'checked_out');
    assert.match(moved.reason, /"a.txt" is there although git is told to ignore it/);
    assert.equal(filesIn(plain.folder)['a.txt'], 'false mine');
  });
});
