import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { after, describe, it } from 'node:test';
import { isTemporaryName } from '../../../src/infrastructure/files/disk/atomic.ts';
import { remove } from '../../../src/infrastructure/git/remove.ts';
import { type Git, makeGit } from '../../../src/infrastructure/git/run-git.ts';
import { snapshot } from '../../../src/infrastructure/git/snapshot.ts';
import { open } from '../../../src/infrastructure/git/worktrees.ts';
import { HistoryRepository } from './history-repository.ts';
import { endedAt } from './sudden-end.ts';

const made: HistoryRepository[] = [];
after(() => {
  for (const repository of made) repository.remove();
});

const text = { message: 'maos: coder\n', author: null, at: '2026-01-01T00:00:00Z' };
const keptRef = 'refs/maos/sess_00000000000000000000000001/coder/1';
const isWhole = process.env.MAOS_KILLS === 'all';

/** A repository in which one worktree after the other comes and goes, each time interrupted a moment later. */
function setUp() {
  const plain = new HistoryRepository({ 'a.txt': 'one\n', 'b/c.txt': 'c\n' });
  made.push(plain);
  const place = plain.place();
  const { base, layout, environment } = plain;
  const theirs = plain.commitOn(base, 'theirs', { 'a.txt': 'theirs\n' });
  const ours = plain.commitOn(base, 'ours', { 'a.txt': 'ours\n' });
  const conflict = { ours, theirs, paths: ['a.txt'] };
  const folder = layout.worktree(place.sessionId, place.agentId);
  const git = makeGit(environment);
  const deps = (by: Git) => ({ git: by, layout, environment });
  const begin = (by = git) => open(deps(by), place, base, null);
  const merge = (by = git) => open(deps(by), place, ours, null, conflict);
  const keep = (by = git) => snapshot(deps(by), place, base, keptRef, text);
  const end = (by = git) => remove(deps(by), place, base, keptRef, text);
  const list = () => plain.git('worktree', 'list', '--porcelain');
  const before = list();
  const work = () => plain.writeAll({ 'a.txt': 'work\n', 'new.txt': 'new\n', 'b/c.txt': null }, folder);

  /** @param task is stopped at one moment after the other; `then` goes on as the next maos does */
  async function atEveryMoment(
    first: () => Promise<unknown>,
    task: (by: Git) => Promise<unknown>,
    then: (at: number) => Promise<unknown>,
  ): Promise<void> {
    const step = isWhole ? 1 : 17;
    for (let at = isWhole ? 1 : Number(process.env.MAOS_KILLS ?? 1); ; at += step) {
      await first();
      const came = await endedAt(at, git, task);
      await then(at);
      assert.equal(await end(), null, `${at}`);
      assert.deepEqual(nothingBeside(folder), [], `${at}`);
      assert.equal(list(), before, `${at}`);
      // A removal that was killed at its last step leaves an empty folder, which git prunes.
      const known = join(plain.folder, '.git/worktrees');
      const left = existsSync(known) ? readdirSync(known) : [];
      assert.deepEqual(
        left.flatMap((name) => readdirSync(join(known, name))),
        [],
        `${at}`,
      );
      rmSync(known, { recursive: true, force: true });
      assert.equal(plain.git('status', '--porcelain'), '', `${at}`);
      plain.git('branch', '-q', '-D', place.branch);
      for (const ref of plain.git('for-each-ref', '--format=%(refname)', 'refs/maos').split('\n')) {
        if (ref !== '') plain.git('update-ref', '-d', ref);
      }
      if (!came) return;
    }
  }

  function assertKept(at: number): void {
    assert.equal(plain.git('rev-parse', `${keptRef}^`), base, `${at}`);
    assert.equal(plain.git('show', `${keptRef}:a.txt`, `${keptRef}:new.txt`), 'work\nnew', `${at}`);
    assert.equal(plain.tryGit('cat-file', '-e', `${keptRef}:b/c.txt`).status, 128, `${at}`);
    assert.equal(plain.git('rev-parse', place.branch), plain.git('rev-parse', keptRef), `${at}`);
  }

  return { plain, place, base, folder, begin, merge, keep, end, work, atEveryMoment, assertKept, conflict };
}

function nothingBeside(folder: string): readonly string[] {
  return readdirSync(dirname(folder)).filter((name) => !isTemporaryName(name));
}

const nothing = async (): Promise<void> => {};

describe('a worktree, wherever maos was killed', () => {
  it('while it was made, is made', async () => {
    const { plain, place, base, folder, begin, atEveryMoment } = setUp();
    await atEveryMoment(nothing, begin, async (at) => {
      assert.deepEqual(await begin(), { folder, ports: [] });
      assert.equal(plain.gitIn(folder, 'status', '--porcelain', '--branch'), `## ${place.branch}`, `${at}`);
      assert.equal(plain.gitIn(folder, 'rev-parse', 'HEAD'), base, `${at}`);
      assert.equal(readFileSync(join(folder, 'a.txt'), 'utf8'), 'one\n');
    });
  });

  it('while it was made with a merge in progress, is made with it', async () => {
    const { plain, folder, merge, atEveryMoment, conflict } = setUp();
    await atEveryMoment(nothing, merge, async (at) => {
      await merge();
      assert.equal(plain.gitIn(folder, 'status', '--porcelain'), 'UU a.txt', `${at}`);
      assert.match(readFileSync(join(folder, 'a.txt'), 'utf8'), /^<<<<<<<.*^ours$.*^theirs$.*^>>>>>>>/ms);
      assert.equal(plain.gitIn(folder, 'rev-parse', 'HEAD'), conflict.ours, `${at}`);
      assert.equal(plain.gitIn(folder, 'rev-parse', 'MERGE_HEAD'), conflict.theirs, `${at}`);
    });
  });

  it('while its work was kept, is kept whole', async () => {
    const { plain, folder, begin, keep, work, atEveryMoment, assertKept } = setUp();
    await atEveryMoment(
      async () => {
        await begin();
        work();
      },
      keep,
      async (at) => {
        assert.deepEqual((await keep())?.unkept, []);
        assertKept(at);
        assert.equal(plain.gitIn(folder, 'status', '--porcelain'), '', `${at}`);
      },
    );
  });

  it('while it was removed, is removed, and its work is kept', async () => {
    const { begin, work, end, atEveryMoment, assertKept } = setUp();
    await atEveryMoment(
      async () => {
        await begin();
        work();
      },
      end,
      async (at) => {
        assert.equal(await end(), null, `${at}`);
        assertKept(at);
      },
    );
  });
});
