import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import fc from 'fast-check';
import { HistoryRepository } from './history-repository.ts';
import { type Edit, edited, edits, fastImport, type Tree } from './random-history.ts';

const runs = Number(process.env.MAOS_HISTORIES ?? 12);
const seed = Number(process.env.MAOS_SEED ?? Math.floor(Math.random() * 2 ** 31));

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
function ofUser(plain: HistoryRepository): unknown {
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
    const merge = plain.tryGitIn(oracle, 'merge', '-q', '--no-edit', '--allow-unrelated-histories', theirs);
    if (merge.status === 0) return { tree: plain.gitIn(oracle, 'rev-parse', 'HEAD^{tree}') };
    const unmerged = plain.gitIn(oracle, 'diff', '--name-only', '--diff-filter=U', '-z').split('\0');
    plain.gitIn(oracle, 'reset', '-q', '--hard');
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
});
