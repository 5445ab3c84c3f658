import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { Serial } from '../../../src/infrastructure/files/disk/serial.ts';
import { protect } from '../../../src/infrastructure/git/protect.ts';
import { makeGit } from '../../../src/infrastructure/git/run-git.ts';
import { identify, type ProcessIdentity } from '../../../src/infrastructure/process/tree/identity.ts';
import { HistoryRepository, type TestFiles } from './history-repository.ts';
import { deadProcess, endedAt } from './sudden-end.ts';

const made: HistoryRepository[] = [];
after(() => {
  for (const repository of made) repository.remove();
});

const text = { message: 'Restore protected files\n', author: null, at: '2026-01-02T03:04:05Z' };

const judge: TestFiles = {
  'test/judge.sh': { program: 'exit 1\n' },
  'test/data/a': 'a\n',
  'src/a.ts': 'a\n',
  'judge.cfg': 'strict\n',
  lib: { submodule: '1'.repeat(40) },
  '.gitmodules': '[submodule "lib"]\n\tpath = lib\n\turl = https://example.invalid/lib\n',
};

/** The agent's commit on the judge's files, after the protection of `globs`. */
async function protectedCommit(changes: TestFiles, globs: readonly string[]) {
  const plain = new HistoryRepository(judge);
  made.push(plain);
  const place = plain.place();
  const commit = plain.commitOn(plain.base, place.branch, changes);
  const result = await plain.workspaces.protect(place, commit, plain.base, globs, text);
  return {
    plain,
    place,
    commit,
    result,
    changed: plain.git('diff', '--name-only', plain.base, result.commit),
  };
}

describe('protected files', () => {
  const cases: Record<string, { changes: TestFiles; globs: string[]; restored: string[]; left: string }> = {
    'changed, removed and new ones': {
      changes: { 'test/judge.sh': 'exit 0\n', 'test/data/a': null, 'test/new': 'n', 'src/a.ts': 'b' },
      globs: ['test/**'],
      restored: ['test/data/a', 'test/judge.sh', 'test/new'],
      left: 'src/a.ts',
    },
    'a mode alone': {
      changes: { 'test/judge.sh': 'exit 1\n' },
      globs: ['test/*.sh'],
      restored: ['test/judge.sh'],
      left: '',
    },
    'a folder that is a link now': {
      changes: { test: { link: 'src' } },
      globs: ['test/*.sh', 'test/data'],
      restored: ['test', 'test/data/a', 'test/judge.sh'],
      left: '',
    },
    'a file that is a folder now': {
      changes: { 'judge.cfg': null, 'judge.cfg/x': 'x' },
      globs: ['*.cfg'],
      restored: ['judge.cfg', 'judge.cfg/x'],
      left: '',
    },
    'a submodule with its address': {
      changes: { lib: { submodule: '2'.repeat(40) }, '.gitmodules': '' },
      globs: ['lib'],
      restored: ['.gitmodules', 'lib'],
      left: '',
    },
    'attributes that would convert them, and no others': {
      changes: {
        '.gitattributes': 'test/judge.sh text eol=crlf\n',
        'src/.gitattributes': '*.ts text eol=crlf\n',
        'test/data/.gitattributes': '* diff\n',
      },
      globs: ['test/judge.sh', 'test/data/a'],
      restored: ['.gitattributes'],
      left: 'src/.gitattributes\ntest/data/.gitattributes',
    },
    'a name at any depth': {
      changes: { 'src/deep/x.test.ts': 'x', 'src/deep/x.ts': 'x' },
      globs: ['**/*.test.ts'],
      restored: ['src/deep/x.test.ts'],
      left: 'src/deep/x.ts',
    },
    nothing: { changes: { 'src/a.ts': 'b' }, globs: ['test'], restored: [], left: 'src/a.ts' },
  };
  for (const [name, { changes, globs, restored, left }] of Object.entries(cases)) {
    it(`are taken from the base: ${name}`, async () => {
      const { plain, place, commit, result, changed } = await protectedCommit(changes, globs);
      assert.deepEqual(result.restored, restored);
      assert.equal(changed, left);
      assert.equal(plain.git('rev-parse', place.branch), result.commit);
      if (restored.length === 0) assert.equal(result.commit, commit);
      else assert.equal(plain.git('rev-parse', `${result.commit}^`), commit);
    });
  }

  it('include those of another case where git ignores it', async () => {
    const plain = new HistoryRepository(judge);
    made.push(plain);
    const place = plain.place();
    const commit = plain.commitOn(plain.base, place.branch, { 'TEST/judge.SH': 'exit 0\n' });
    assert.deepEqual(
      (await plain.workspaces.protect(place, commit, plain.base, ['test'], text)).restored,
      [],
    );
    plain.git('config', 'core.ignorecase', 'true');
    const result = await plain.workspaces.protect(place, commit, plain.base, ['test'], text);
    assert.deepEqual(result.restored, ['TEST/judge.SH']);
  });

  it('refuse a pattern that none is', async () => {
    const plain = new HistoryRepository(judge);
    made.push(plain);
    await assert.rejects(plain.workspaces.protect(plain.place(), plain.base, plain.base, ['{a,b}'], text), {
      code: 'INVALID_INPUT',
    });
  });

  it('come back in the worktree of the agent, also when maos is killed meanwhile', async () => {
    const template = new HistoryRepository(judge);
    made.push(template);
    const step = process.env.MAOS_KILLS === 'all' ? 1 : 53;
    for (let at = step === 1 ? 1 : Number(process.env.MAOS_KILLS ?? 1); ; at += step) {
      const plain = template.copy();
      made.push(plain);
      const place = plain.place();
      const { folder } = await plain.workspaces.open(place, plain.base, null);
      plain.commit({ 'test/judge.sh': 'exit 0\n', 'test/new': 'n', 'src/a.ts': 'mine\n' }, folder);
      const commit = plain.gitIn(folder, 'rev-parse', 'HEAD');
      plain.write('untracked', 'mine', folder);
      const git = makeGit(plain.environment);
      const [living, dead] = [(await identify(process.pid)) as ProcessIdentity, await deadProcess()];
      const run = (self: ProcessIdentity, by = git) =>
        protect(
          {
            git: by,
            layout: plain.layout,
            environment: plain.environment,
            scratch: join(plain.layout.project, 'git'),
            moving: { git: by, self: async () => self, project: plain.layout.project, moves: new Serial() },
          },
          place,
          commit,
          plain.base,
          ['test'],
          text,
        );
      const isKilled = await endedAt(at, git, (by) => run(dead, by));
      const result = await run(living);
      assert.deepEqual(result.restored, ['test/judge.sh', 'test/new']);
      assert.equal(plain.git('rev-parse', place.branch), result.commit);
      assert.equal(plain.gitIn(folder, 'status', '--porcelain'), '?? untracked', `${at}`);
      assert.equal(readFileSync(join(folder, 'test/judge.sh'), 'utf8'), 'exit 1\n');
      assert.equal(existsSync(join(folder, 'test/new')), false);
      assert.equal(readFileSync(join(folder, 'src/a.ts'), 'utf8'), 'mine\n');
      plain.remove();
      if (!isKilled) return;
    }
  });
});
