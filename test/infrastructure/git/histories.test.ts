import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { copyFileSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { fc } from '../../helpers/properties.ts';
import { seed } from '../../helpers/seed.ts';
import { filesIn, HistoryRepository, type TestFile, type TestFiles } from './history-repository.ts';
import { type Edit, edited, edits, fastImport, type Tree } from './random-history.ts';

const runs = Number(process.env.MAOS_HISTORIES ?? 12);

const repositories: HistoryRepository[] = [];
after(() => {
  for (const repository of repositories) repository.remove();
});

const text = () => ({ message: 'Join', author: null, at: '2026-01-02T03:04:05Z' });

/** A repository of the user's, and a plain clone in which git itself merges. */
function setUp() {
  const plain = new HistoryRepository({ 'of the user': 'x\n' });
  repositories.push(plain);
  const oracle = join(plain.root, 'oracle');
  plain.gitIn(plain.root, 'clone', '-q', '--shared', plain.folder, oracle);
  return { plain, oracle };
}

/** Everything of the user's that only a landing may change. */
function ofUser(plain: HistoryRepository): readonly string[] {
  return [
    readFileSync(join(plain.folder, '.git/index'), 'latin1'),
    readFileSync(join(plain.folder, '.git/config'), 'utf8'),
    readFileSync(join(plain.folder, '.git/HEAD'), 'utf8'),
    plain.git('for-each-ref', 'refs/heads', 'refs/stash', 'refs/tags'),
    plain.git('status', '--porcelain', '--ignored'),
  ];
}

describe(`random histories (MAOS_SEED=${seed} MAOS_HISTORIES=${runs})`, () => {
  const { plain, oracle } = setUp();
  let number = 0;

  /** What git's own merge in a checkout finds: a tree, or paths. */
  function mergedByGit(ours: string, theirs: string): { tree: string } | { paths: readonly string[] } {
    plain.gitIn(oracle, 'checkout', '-q', '--force', '--detach', ours);
    plain.gitIn(oracle, 'clean', '-ffdxq');
    // Files that their attributes change in the checkout count as edited, and git would refuse; without them, it merges.
    for (const path of plain.gitIn(oracle, 'ls-files', '-z', '--modified').split('\0')) {
      if (path !== '') rmSync(join(oracle, path), { force: true });
    }
    const merge = plain.tryGitIn(oracle, 'merge', '-q', '--no-edit', '--allow-unrelated-histories', theirs);
    if (merge.status === 0) return { tree: plain.gitIn(oracle, 'rev-parse', 'HEAD^{tree}') };
    const unmerged = plain.gitIn(oracle, 'diff', '--name-only', '--diff-filter=U', '-z').split('\0');
    plain.gitIn(oracle, 'reset', '-q', '--hard');
    assert.notEqual(unmerged[0], '', merge.stderr);
    const paths = unmerged
      .filter((path) => path !== '')
      .map((path) => path.replace(/~(?:HEAD|[0-9a-f]{40})(?:_\d+)?$/, ''));
    return { paths: [...new Set(paths)].sort() };
  }

  it('are joined and squashed as git merges them, and nothing of the user changes', async () => {
    const side = fc.array(edits, { minLength: 0, maxLength: 2 });
    const history = fc.record({ base: edits, sides: fc.array(side, { minLength: 2, maxLength: 3 }) });
    const kinds = { clean: 0, conflict: 0 };
    await fc.assert(
      fc.asyncProperty(history, async ({ base, sides }) => {
        const root: Tree = edited(new Map(), base as Edit[]);
        const branches = sides.map((commits) => {
          const trees: Tree[] = [];
          for (const some of commits) trees.push(edited(trees.at(-1) ?? root, some as Edit[]));
          return trees;
        });
        const before = ofUser(plain);
        const tips = fastImport(plain, `h${number++}`, root, branches);
        const result = await plain.workspaces.join(plain.folder, tips, text);
        let [ours] = tips as [string];
        for (const theirs of tips.slice(1)) {
          const expected = mergedByGit(ours, theirs);
          const squashed = await plain.workspaces.squash(plain.folder, ours, theirs, text());
          if ('paths' in expected) {
            kinds.conflict++;
            assert.deepEqual(result, { how: 'conflict', conflict: { ours, theirs, paths: expected.paths } });
            assert.deepEqual(squashed, result);
            break;
          }
          kinds.clean++;
          assert.ok(squashed.how === 'clean');
          assert.equal(plain.git('rev-parse', `${squashed.commit}^{tree}`), expected.tree);
          const step = await plain.workspaces.join(plain.folder, [ours, theirs], text);
          assert.ok(step.how === 'clean');
          assert.equal(plain.git('rev-parse', `${step.commit}^{tree}`), expected.tree);
          ours = step.commit;
          if (theirs === tips.at(-1)) assert.deepEqual(result, step);
        }
        assert.deepEqual(ofUser(plain), before);
      }),
      { numRuns: runs, seed, endOnFailure: runs < 100 },
    );
    if (runs >= 100) assert.ok(kinds.clean > runs / 10 && kinds.conflict > runs / 10, JSON.stringify(kinds));
  });

  it('lose nothing of agents, and land as git would', async () => {
    const { plain: own, oracle: other } = setUp();
    const agent = fc.record({
      commits: fc.array(edits, { maxLength: 2 }),
      left: edits,
      isProtected: fc.boolean(),
    });
    let count = 0;
    const landed = { moved: 0, checked_out: 0, elsewhere: 0 };
    await fc.assert(
      fc.asyncProperty(edits, fc.array(agent, { minLength: 2, maxLength: 2 }), async (base, agents) => {
        const [start = ''] = fastImport(own, `s${++count}`, edited(new Map(), base), [[]]);
        own.git('reset', '-q', '--hard', start);
        own.git('clean', '-ffdxq');
        const before = ofUser(own);
        const written = new Set<string>();
        const tips: string[] = [];
        for (const [index, { commits, left, isProtected }] of agents.entries()) {
          const place = own.place(`agent-${count}-${index}`);
          const { folder } = await own.workspaces.open(place, start, null);
          for (const some of commits) {
            own.writeAll(filesOf(some), folder);
            own.commitAll('Work', folder);
            for (const id of blobsIn(own.gitIn(folder, 'ls-tree', '-r', 'HEAD'))) written.add(id);
          }
          own.writeAll(filesOf(left), folder);
          for (const id of blobsIn(uncommitted(own, folder))) written.add(id);
          const kept = `refs/maos/${place.sessionId}/${index}/${count}`;
          const made = await own.workspaces.snapshot(place, start, kept, text());
          assert.ok(made !== null);
          assert.equal(uncommitted(own, folder), own.gitIn(folder, 'ls-files', '--stage'));
          const globs = isProtected ? ['d'] : [];
          const { commit } = await own.workspaces.protect(place, made.commit, start, globs, text());
          if (isProtected) assert.equal(subtree(own, commit), subtree(own, start));
          assert.equal(await own.workspaces.resolve(own.folder, place.branch), commit);
          assert.equal(own.gitIn(folder, 'diff', '--cached', '--name-only', commit), '');
          assert.equal(await own.workspaces.remove(place, start, `${kept}0`, text()), null);
          tips.push(commit);
        }
        assert.deepEqual(ofUser(own).slice(0, 3), before.slice(0, 3));
        const result = await own.workspaces.join(own.folder, [start, ...tips], text);
        if (result.how === 'clean') {
          const isClean = own.git('status', '--porcelain') === '';
          own.gitIn(other, 'checkout', '-q', '--force', '--detach', start);
          own.gitIn(other, 'clean', '-ffdxq');
          own.gitIn(other, 'checkout', '-q', '--force', '--detach', result.commit);
          const { how } = await own.workspaces.moveBranch(own.folder, 'main', start, result.commit);
          landed[how]++;
          assert.equal(how, isClean || result.commit === start ? 'moved' : 'checked_out');
          if (how === 'moved') {
            assert.deepEqual(filesIn(own.folder), filesIn(other));
            assert.equal(own.git('write-tree'), own.git('rev-parse', `${result.commit}^{tree}`));
          }
        }
        const reachable = new Set(
          own
            .git('rev-list', '--objects', '--all')
            .split('\n')
            .map((line) => line.split(' ')[0]),
        );
        for (const id of written) assert.ok(reachable.has(id), id);
      }),
      { numRuns: Math.ceil(runs / 6), seed, endOnFailure: runs < 100 },
    );
    if (runs >= 100) assert.ok(landed.moved > runs / 60, JSON.stringify(landed));
  });
});

/** What the edits put into a folder; submodules only a commit can have. */
function filesOf(some: readonly Edit[]): TestFiles {
  return Object.fromEntries(
    some.flatMap((edit): [string, TestFile][] => {
      if (edit.do === 'remove') return [[edit.path, null]];
      if (edit.do !== 'put' || edit.entry.mode === '160000') return [];
      const { mode, content } = edit.entry;
      if (mode === '120000') return [[edit.path, { link: content.toString() }]];
      return [[edit.path, mode === '100755' ? { program: content.toString() } : content]];
    }),
  );
}

/** Mode, id and path of everything that git would commit, as `ls-files --stage` prints it. */
function uncommitted(plain: HistoryRepository, folder: string): string {
  const index = plain.gitIn(folder, 'rev-parse', '--path-format=absolute', '--git-path', 'index');
  const copy = join(plain.root, 'copied-index');
  copyFileSync(index, copy);
  const inCopy = ['-c', 'core.fsmonitor=false'];
  const env = { ...plain.environment, GIT_INDEX_FILE: copy };
  const git = (...args: string[]) =>
    spawnSync('git', [...inCopy, ...args], { cwd: folder, env, encoding: 'utf8' });
  const added = git('add', '--all');
  assert.equal(added.status, 0, added.stderr);
  return git('ls-files', '--stage').stdout.trimEnd();
}

function blobsIn(lines: string): string[] {
  return [...lines.matchAll(/^100\d{3} (?:blob )?([0-9a-f]{40})/gm)].map(([, id]) => id as string);
}

/** The tree or entry of the protected path; empty if there is none. */
function subtree(plain: HistoryRepository, commit: string): string {
  return plain.git('ls-tree', commit, 'd');
}
