import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { copyFileSync, lutimesSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { fc } from '../../helpers/properties.ts';
import { seed } from '../../helpers/seed.ts';
import { filesIn, HistoryRepository, type TestFile, type TestFiles } from './history-repository.ts';
import { LooseObjects } from './loose-objects.ts';
import { type Edit, edited, edits, type Tree } from './random-history.ts';

const runs = Number(process.env.MAOS_HISTORIES ?? 12);

/** Histories in one repository: git becomes slow when it has many objects and refs. */
const mostInOne = 40;

const text = () => ({ message: 'Join', author: null, at: '2026-01-02T03:04:05Z' });

interface Pair {
  /** A repository of the user's. */
  readonly plain: HistoryRepository;
  /** A plain clone in which git itself merges. */
  readonly oracle: string;
  readonly objects: LooseObjects;
}

/** Gives a repository for each history, the same one several times. */
class Pairs {
  #last: Pair | null = null;
  #uses = 0;

  next(): Pair {
    if (this.#last === null || this.#uses++ % mostInOne === 0) {
      this.remove();
      this.#last = setUp();
    }
    return this.#last;
  }

  remove(): void {
    this.#last?.plain.remove();
  }
}

function setUp(): Pair {
  const plain = new HistoryRepository({ 'of the user': 'x\n' });
  plain.git('config', 'maintenance.auto', 'false');
  const oracle = join(plain.root, 'oracle');
  plain.gitIn(plain.root, 'clone', '-q', '--shared', plain.folder, oracle);
  plain.gitIn(oracle, 'config', 'maintenance.auto', 'false');
  return { plain, oracle, objects: new LooseObjects([plain.folder, oracle]) };
}

/** Everything of the user's that only a landing may change. */
function ofUser({ folder }: HistoryRepository) {
  const read = (name: string) => readFileSync(join(folder, '.git', name), 'latin1');
  return {
    git: [read('index'), read('config'), read('HEAD')],
    refs: filesIn(join(folder, '.git/refs')),
    files: filesIn(folder),
  };
}

/** Writes the files of a commit as git does in a new checkout. */
function checkOutAnew(plain: HistoryRepository, folder: string, commit: string): void {
  for (const name of readdirSync(folder)) {
    if (name !== '.git') rmSync(join(folder, name), { recursive: true });
  }
  for (const name of ['index', 'MERGE_HEAD', 'MERGE_MODE', 'MERGE_MSG', 'AUTO_MERGE']) {
    rmSync(join(folder, '.git', name), { force: true });
  }
  plain.gitIn(folder, 'reset', '-q', '--hard', commit);
}

/** What git's own merge in a checkout finds: a tree, or paths. */
function mergedByGit(
  { plain, oracle, objects }: Pair,
  ours: string,
  theirs: string,
): { tree: string } | { paths: readonly string[] } {
  const head = join(oracle, '.git/HEAD');
  writeFileSync(head, `${ours}\n`);
  checkOutAnew(plain, oracle, ours);
  // Files that their attributes change in the checkout count as edited, and git would refuse; without them, it merges.
  const canChange = readFileSync(join(oracle, '.git/index')).includes('.gitattributes');
  const changed = canChange ? plain.gitIn(oracle, 'ls-files', '-z', '--modified') : '';
  for (const path of changed.split('\0')) if (path !== '') rmSync(join(oracle, path), { force: true });
  const args = ['merge', '-q', '--no-edit', '--allow-unrelated-histories', theirs];
  let merge = plain.tryGitIn(oracle, ...args);
  if (merge.signal === 'SIGABRT') {
    // An assertion of git's about renames.
    rmSync(join(oracle, '.git/index.lock'), { force: true });
    merge = plain.tryGitIn(oracle, '-c', 'merge.renames=false', ...args, '-s', 'recursive');
  }
  if (merge.status === 0) return { tree: objects.treeOf(readFileSync(head, 'utf8').trim()) };
  const unmerged = plain.gitIn(oracle, 'diff', '--name-only', '--diff-filter=U', '-z').split('\0');
  assert.notEqual(unmerged[0], '', merge.stderr);
  const paths = unmerged
    .filter((path) => path !== '')
    .map((path) => path.replace(/(?:~(?:HEAD|[0-9a-f]{40})(?:_\d+)?)+$/, ''));
  return { paths: [...new Set(paths)].sort() };
}

describe(`random histories (MAOS_SEED=${seed} MAOS_HISTORIES=${runs})`, () => {
  const pairs = new Pairs();
  after(() => pairs.remove());

  it('are joined and squashed as git merges them, and nothing of the user changes', async (context) => {
    const side = fc.array(edits, { minLength: 0, maxLength: 2 });
    const history = fc.record({ base: edits, sides: fc.array(side, { minLength: 2, maxLength: 3 }) });
    const kinds = { clean: 0, conflict: 0 };
    await fc.assert(
      fc.asyncProperty(history, async ({ base, sides }) => {
        const pair = pairs.next();
        const { plain, objects } = pair;
        const root: Tree = edited(new Map(), base as Edit[]);
        const branches = sides.map((commits) => {
          const trees: Tree[] = [];
          for (const some of commits) trees.push(edited(trees.at(-1) ?? root, some as Edit[]));
          return trees;
        });
        const before = ofUser(plain);
        const tips = objects.writeHistories(root, branches);
        const result = await plain.workspaces.join(plain.folder, tips, text);
        let [ours] = tips as [string];
        for (const [index, theirs] of tips.slice(1).entries()) {
          const expected = mergedByGit(pair, ours, theirs);
          const squashed = await plain.workspaces.squash(plain.folder, ours, theirs, text());
          if ('paths' in expected) {
            kinds.conflict++;
            assert.deepEqual(result, { how: 'conflict', conflict: { ours, theirs, paths: expected.paths } });
            assert.deepEqual(squashed, result);
            break;
          }
          kinds.clean++;
          assert.ok(squashed.how === 'clean');
          assert.equal(objects.treeOf(squashed.commit), expected.tree);
          const isLast = index === tips.length - 2;
          const step = isLast ? result : await plain.workspaces.join(plain.folder, [ours, theirs], text);
          assert.ok(step.how === 'clean');
          assert.equal(objects.treeOf(step.commit), expected.tree);
          ours = step.commit;
        }
        assert.deepEqual(ofUser(plain), before);
      }),
      { numRuns: runs, seed, endOnFailure: runs < 100 },
    );
    context.diagnostic(`${runs} histories, merges: ${JSON.stringify(kinds)}`);
    if (runs >= 100) assert.ok(kinds.clean > runs / 10 && kinds.conflict > runs / 10, JSON.stringify(kinds));
  });

  it('lose nothing of agents, and land as git would', async (context) => {
    const agent = fc.record({
      commits: fc.array(edits, { maxLength: 2 }),
      left: edits,
      isProtected: fc.boolean(),
    });
    let count = 0;
    const landed = { moved: 0, checked_out: 0, elsewhere: 0 };
    const sessions = Math.ceil(runs / 6);
    await fc.assert(
      fc.asyncProperty(edits, fc.array(agent, { minLength: 2, maxLength: 2 }), async (base, agents) => {
        const { plain: own, oracle: other, objects } = pairs.next();
        const [start = ''] = objects.writeHistories(edited(new Map(), base), [[]]);
        checkOutAnew(own, own.folder, start);
        count++;
        const { git: gitBefore, files: filesBefore } = ofUser(own);
        const written = new Set<string>();
        const tips: string[] = [];
        for (const [index, { commits, left, isProtected }] of agents.entries()) {
          const place = own.place(`agent-${count}-${index}`);
          const { folder } = await own.workspaces.open(place, start, null);
          makeOld(folder);
          own.tryGitIn(folder, 'update-index', '-q', '--refresh');
          for (const some of commits) {
            own.writeAll(filesOf(some), folder);
            makeOld(folder);
            own.gitIn(folder, 'add', '-A');
            own.gitIn(folder, 'commit', '-q', '--allow-empty', '-m', 'Work');
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
        const { git, files } = ofUser(own);
        assert.deepEqual([git, files], [gitBefore, filesBefore]);
        const result = await own.workspaces.join(own.folder, [start, ...tips], text);
        if (result.how === 'clean') {
          const isClean = own.git('status', '--porcelain') === '';
          checkOutAnew(own, other, start);
          own.gitIn(other, 'checkout', '-q', '--force', '--detach', result.commit);
          const { how } = await own.workspaces.moveBranch(own.folder, 'main', start, result.commit);
          landed[how]++;
          assert.equal(how, isClean || result.commit === start ? 'moved' : 'checked_out');
          if (how === 'moved') {
            assert.deepEqual(filesIn(own.folder), filesIn(other));
            assert.equal(own.git('write-tree'), objects.treeOf(result.commit));
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
      { numRuns: sessions, seed, endOnFailure: runs < 100 },
    );
    context.diagnostic(`${sessions} sessions of two agents, landings: ${JSON.stringify(landed)}`);
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

/**
 * Makes files older than the index will be: git looks into those of the same instant, and would find other content where
 * the attributes have changed.
 */
function makeOld(folder: string): void {
  for (const path of Object.keys(filesIn(folder)))
    lutimesSync(join(folder, path), 1_700_000_000, 1_700_000_000);
}

/** Mode, id and path of everything that git would commit, as `ls-files --stage` prints it. */
function uncommitted(plain: HistoryRepository, folder: string): string {
  const index = join(readFileSync(join(folder, '.git'), 'utf8').slice('gitdir: '.length).trim(), 'index');
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
