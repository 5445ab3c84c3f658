import assert from 'node:assert/strict';
import {
  appendFileSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { Serial } from '../../../src/infrastructure/files/disk/serial.ts';
import { type MoveDeps, moveBranch } from '../../../src/infrastructure/git/move-branch.ts';
import { makeGit } from '../../../src/infrastructure/git/run-git.ts';
import { identify, type ProcessIdentity } from '../../../src/infrastructure/process/tree/identity.ts';
import { filesIn, HistoryRepository, type TestFiles } from './history-repository.ts';
import { deadProcess, endedAt, failingAt } from './sudden-end.ts';

const made: HistoryRepository[] = [];
after(() => {
  for (const repository of made) repository.remove();
});

const before: TestFiles = {
  'text.txt': 'one\n',
  run: 'program\n',
  'link to': { link: 'text.txt' },
  'moved/ä file': 'a file that moves\n',
  'folder/deep/a': 'a',
  'folder/deep/b': 'b',
  'becomes a folder': 'file\n',
  'becomes a file/x': 'x',
  bytes: Buffer.from([0, 1, 2, 255]),
  same: 'untouched\n',
};
const changes: TestFiles = {
  'text.txt': 'two\n',
  run: { program: 'program\n' },
  'link to': { link: 'same' },
  'moved/ä file': null,
  'new/place/ä file': 'a file that moves\n',
  folder: null,
  'becomes a folder/below': 'b',
  'becomes a file': 'f',
  bytes: Buffer.from([0, 1, 2, 254]),
};

type SetUp = { readonly plain: HistoryRepository; readonly from: string; readonly to: string };

/** A repository with `main` checked out at `from`, and a later commit. */
function make(base: TestFiles, next: TestFiles): SetUp {
  const plain = new HistoryRepository(base);
  made.push(plain);
  const from = plain.base;
  return { plain, from, to: plain.commitOn(from, 'work', next) };
}

const template = make(before, changes);

function setUp(): SetUp {
  const plain = template.plain.copy();
  made.push(plain);
  return { ...template, plain };
}

function depsOf(plain: HistoryRepository, self?: ProcessIdentity): MoveDeps {
  return {
    git: makeGit(plain.environment),
    self: async () => self ?? ((await identify(process.pid)) as ProcessIdentity),
    project: join(plain.root, 'maos'),
    moves: new Serial(),
  };
}

/** The files of a commit, as git checks them out. */
const checkedOut = new Map<string, Record<string, string>>();

function filesOf(plain: HistoryRepository, commit: string): Record<string, string> {
  const known = checkedOut.get(commit);
  if (known !== undefined) return known;
  const clone = join(plain.root, 'clone');
  plain.gitIn(plain.root, 'clone', '-q', '--no-checkout', plain.folder, clone);
  plain.gitIn(clone, 'checkout', '-q', '--detach', commit);
  const files = filesIn(clone);
  rmSync(clone, { recursive: true });
  checkedOut.set(commit, files);
  return files;
}

function assertAt(plain: HistoryRepository, commit: string, folder = plain.folder): void {
  assert.equal(plain.gitIn(folder, 'rev-parse', 'main'), commit);
  assert.equal(plain.gitIn(folder, 'status', '--porcelain'), '');
  assert.equal(plain.gitIn(folder, 'write-tree'), plain.git('rev-parse', `${commit}^{tree}`));
  assert.deepEqual(filesIn(folder), filesOf(plain, commit));
  assertNothingLeft(plain);
}

function assertNothingLeft(plain: HistoryRepository): void {
  const left = readdirSync(join(plain.folder, '.git'), { recursive: true, encoding: 'utf8' });
  assert.deepEqual(
    left.filter((name) => /\.lock$|maos-move|\.tmp$/.test(name)),
    [],
  );
}

describe('moving a branch', () => {
  it('moves its files and index with it where it is checked out, with a line in the reflog', async () => {
    const { plain, from, to } = setUp();
    const { workspaces, folder } = plain;
    writeFileSync(join(folder, 'mine.txt'), 'not tracked\n');
    assert.deepEqual(await workspaces.moveBranch(folder, 'main', from, to), { how: 'moved' });
    assert.equal(readFileSync(join(folder, 'mine.txt'), 'utf8'), 'not tracked\n');
    rmSync(join(folder, 'mine.txt'));
    assertAt(plain, to);
    assert.match(plain.git('reflog', '-1', 'main'), /maos land: /);
    assert.match(plain.git('reflog', '-1', 'HEAD'), /maos land: /);
    assert.deepEqual(await workspaces.moveBranch(folder, 'main', from, to), { how: 'moved' });
    assert.deepEqual(await workspaces.moveBranch(folder, 'main', to, from), { how: 'moved' });
    assertAt(plain, from);
  });

  it('moves the ref alone where nobody has it checked out, also in a bare repository', async () => {
    const { plain, from, to } = setUp();
    const { workspaces, folder } = plain;
    const files = filesIn(folder);
    assert.deepEqual(await workspaces.moveBranch(folder, 'new/branch', null, from), { how: 'moved' });
    assert.deepEqual(await workspaces.moveBranch(folder, 'new/branch', from, to), { how: 'moved' });
    assert.equal(plain.git('rev-parse', 'new/branch'), to);
    assert.deepEqual(filesIn(folder), files);
    const bare = join(plain.root, 'bare.git');
    plain.gitIn(plain.root, 'clone', '-q', '--bare', folder, bare);
    assert.deepEqual(await workspaces.moveBranch(bare, 'main', from, to), { how: 'moved' });
    assert.equal(plain.gitIn(bare, 'rev-parse', 'main'), to);
  });

  it('moves nothing when the branch is at another commit, is gone, or exists already', async () => {
    const { plain, from, to } = setUp();
    const { workspaces, folder } = plain;
    const other = plain.commitOn(from, 'other', { x: 'x' });
    assert.deepEqual(await workspaces.moveBranch(folder, 'main', to, other), {
      how: 'elsewhere',
      commit: from,
    });
    assert.deepEqual(await workspaces.moveBranch(folder, 'none', from, to), {
      how: 'elsewhere',
      commit: null,
    });
    assert.deepEqual(await workspaces.moveBranch(folder, 'other', null, to), {
      how: 'elsewhere',
      commit: other,
    });
    assertAt(plain, from);
  });

  it('moves a branch that is checked out in another worktree of the user', async () => {
    const { plain, from, to } = setUp();
    const { workspaces, folder } = plain;
    plain.git('checkout', '-q', '--detach');
    const linked = join(plain.root, 'a linked worktree');
    plain.git('worktree', 'add', '-q', linked, 'main');
    assert.deepEqual(await workspaces.moveBranch(folder, 'main', from, to), { how: 'moved' });
    assertAt(plain, to, linked);
    assert.equal(plain.git('rev-parse', 'HEAD'), from);
    appendFileSync(join(linked, 'same'), 'changed');
    const refused = await workspaces.moveBranch(folder, 'main', to, from);
    assert.ok(refused.how === 'checked_out');
    assert.equal(refused.folder, linked);
  });

  it('takes no notice of the worktrees of agents', async () => {
    const { plain, from, to } = setUp();
    plain.git('checkout', '-q', '--detach');
    const agents = join(plain.layout.project, 'sessions/s/agents/a/worktree');
    plain.git('worktree', 'add', '-q', agents, 'main');
    const files = filesIn(agents);
    assert.deepEqual(await plain.workspaces.moveBranch(plain.folder, 'main', from, to), { how: 'moved' });
    assert.deepEqual(filesIn(agents), files);
  });

  it('puts a folder in the place of a link, wherever that leads', async () => {
    const { plain, from, to } = make(
      { loop: { link: 'loop' }, aside: { link: 'tracked' }, 'tracked/deep': 'x' },
      { loop: null, 'loop/deep/file': 'f', aside: null, 'aside/deep/file': 'f' },
    );
    assert.deepEqual(await plain.workspaces.moveBranch(plain.folder, 'main', from, to), { how: 'moved' });
    assertAt(plain, to);
    assert.deepEqual(await plain.workspaces.moveBranch(plain.folder, 'main', to, from), { how: 'moved' });
    assertAt(plain, from);
  });

  it('puts a file in the place of an empty folder, of which git knows nothing', async () => {
    const { plain, from, to } = setUp();
    mkdirSync(join(plain.folder, 'new/place/ä file'), { recursive: true });
    assert.deepEqual(await plain.workspaces.moveBranch(plain.folder, 'main', from, to), { how: 'moved' });
    assertAt(plain, to);
  });

  it('follows a branch that is another name of one', async () => {
    const { plain, from, to } = setUp();
    plain.git('symbolic-ref', 'refs/heads/trunk', 'refs/heads/main');
    assert.deepEqual(await plain.workspaces.moveBranch(plain.folder, 'trunk', from, to), { how: 'moved' });
    assertAt(plain, to);
    assert.equal(plain.git('symbolic-ref', 'refs/heads/trunk'), 'refs/heads/main');
  });
});

describe('a checkout that must not be touched', () => {
  const cases: Record<string, { do: (plain: HistoryRepository) => unknown; reason: RegExp }> = {
    'a change': {
      do: (p) => appendFileSync(join(p.folder, 'same'), 'x'),
      reason: /uncommitted changes: "same"/,
    },
    'a staged change': {
      do: (p) => {
        p.write('staged', 'x');
        p.git('add', 'staged');
      },
      reason: /uncommitted changes: "staged"/,
    },
    'a deleted file': { do: (p) => rmSync(join(p.folder, 'same')), reason: /uncommitted changes/ },
    'an untracked file at the place of a new one': {
      do: (p) => p.write('new/place/ä file', 'mine'),
      reason: /"new\/place\/ä file" is not tracked/,
    },
    'an untracked file at the place of a new folder': {
      do: (p) => p.write('new', 'mine'),
      reason: /"new" is not/,
    },
    'an untracked link at the place of a new folder': {
      do: (p) => symlinkSync('folder', join(p.folder, 'new')),
      reason: /"new" is not tracked/,
    },
    'an ignored file below what becomes a file': {
      do: (p) => {
        p.write('.git/info/exclude', '*.log\n');
        p.write('becomes a file/my.log', 'mine');
      },
      reason: /"becomes a file\/my.log" is not tracked/,
    },
    'a file that git is told not to look at': {
      do: (p) => {
        p.git('update-index', '--assume-unchanged', 'text.txt');
        p.write('text.txt', 'mine');
      },
      reason: /"text.txt" is there although git is told to ignore it/,
    },
    'a merge in progress': {
      do: (p) => p.write('.git/MERGE_HEAD', p.base),
      reason: /a merge is in progress/,
    },
    'a cherry-pick in progress': {
      do: (p) => p.write('.git/CHERRY_PICK_HEAD', p.base),
      reason: /a cherry-pick is in progress/,
    },
    'a locked index': {
      do: (p) => p.write('.git/index.lock', ''),
      reason: /its index is locked.*index\.lock/,
    },
    'a filter that only the repository defines': {
      do: (p) => {
        p.git('config', 'filter.evil.smudge', `touch '${p.root}/ran'`);
        p.write('.git/info/attributes', 'text.txt filter=evil');
      },
      reason: /"text.txt" has the filter "evil"/,
    },
  };
  for (const [name, { do: act, reason }] of Object.entries(cases)) {
    it(`is one with ${name}`, async () => {
      const { plain, from, to } = setUp();
      act(plain);
      const state = () => [
        filesIn(plain.folder),
        plain.git('ls-files', '--stage', '-v'),
        plain.git('show-ref'),
        readdirSync(join(plain.folder, '.git')),
        readFileSync(join(plain.folder, '.git/index'), 'latin1'),
      ];
      const old = state();
      const moved = await plain.workspaces.moveBranch(plain.folder, 'main', from, to);
      assert.ok(moved.how === 'checked_out');
      assert.match(moved.reason, reason);
      assert.equal(moved.folder, plain.folder);
      assert.deepEqual(state(), old);
      assert.equal(existsSync(join(plain.root, 'ran')), false);
    });
  }

  it('is one whose branch a rebase or bisect will return to', async () => {
    for (const how of ['rebase', 'bisect']) {
      const { plain, from, to } = setUp();
      const own = plain.commit({ 'text.txt': 'own\n' });
      if (how === 'rebase') plain.tryGit('rebase', 'work');
      else {
        plain.git('bisect', 'start', own, from);
        plain.tryGit('checkout', '-q', '--detach', from);
      }
      const old = [filesIn(plain.folder), plain.git('show-ref')];
      const moved = await plain.workspaces.moveBranch(plain.folder, 'main', own, to);
      assert.ok(moved.how === 'checked_out', how);
      assert.match(moved.reason, /rebase or bisect/);
      assert.deepEqual([filesIn(plain.folder), plain.git('show-ref')], old);
    }
  });
});

describe('a checkout as people have it', () => {
  it('keeps line ends as the configuration says', async () => {
    const { plain, from, to } = make({ a: 'x\n', b: 'x\n' }, { a: 'y\nz\n' });
    plain.git('config', 'core.autocrlf', 'true');
    rmSync(join(plain.folder, 'a'));
    plain.git('checkout', '-q', '--', 'a');
    assert.deepEqual(await plain.workspaces.moveBranch(plain.folder, 'main', from, to), { how: 'moved' });
    assert.equal(readFileSync(join(plain.folder, 'a'), 'utf8'), 'y\r\nz\r\n');
    assert.equal(plain.git('status', '--porcelain'), '');
  });

  it('keeps a sparse checkout sparse', async () => {
    const { plain, from, to } = make(
      { 'in/a': '1', 'out/a': '1', 'out/gone': '1' },
      { 'in/a': '2', 'out/a': '2', 'out/gone': null, 'out/new': '2', 'in/new': '2' },
    );
    plain.git('sparse-checkout', 'init', '--cone');
    plain.git('sparse-checkout', 'set', 'in');
    assert.deepEqual(await plain.workspaces.moveBranch(plain.folder, 'main', from, to), { how: 'moved' });
    assert.deepEqual(Object.keys(filesIn(plain.folder)), ['in/a', 'in/new']);
    assert.equal(plain.git('status', '--porcelain'), '');
    assert.equal(plain.git('write-tree'), plain.git('rev-parse', `${to}^{tree}`));
    mkdirSync(join(plain.folder, 'out'));
    writeFileSync(join(plain.folder, 'out/a'), 'mine');
    assert.equal((await plain.workspaces.moveBranch(plain.folder, 'main', to, from)).how, 'checked_out');
    assert.equal(readFileSync(join(plain.folder, 'out/a'), 'utf8'), 'mine');
  });

  it('leaves the folders of submodules alone', async () => {
    const [one, two] = ['1', '2'].map((digit) => ({ submodule: digit.repeat(40) })) as [never, never];
    const { plain, from, to } = make(
      { x: 'x', changes: one, goes: one, stays: one },
      { changes: two, goes: null, comes: two },
    );
    plain.write('stays/file', 'of the submodule');
    assert.deepEqual(await plain.workspaces.moveBranch(plain.folder, 'main', from, to), { how: 'moved' });
    assert.equal(plain.git('write-tree'), plain.git('rev-parse', `${to}^{tree}`));
    assert.deepEqual(readdirSync(plain.folder).sort(), ['.git', 'changes', 'comes', 'stays', 'x']);
    assert.equal(readFileSync(join(plain.folder, 'stays/file'), 'utf8'), 'of the submodule');
  });
});

const isWhole = process.env.MAOS_KILLS === 'all';

describe('a move that is interrupted', () => {
  /** Goes through the moments that it can be interrupted at; of a few, chosen at random, all of them in time. */
  async function* moments(): AsyncGenerator<SetUp & { readonly at: number; readonly deps: MoveDeps }> {
    const step = isWhole ? 1 : 41;
    for (let at = isWhole ? 1 : Number(process.env.MAOS_KILLS ?? 1); ; at += step) {
      const { plain, from, to } = setUp();
      const deps = depsOf(plain, await deadProcess());
      const came = await endedAt(at, deps.git, (git) =>
        moveBranch({ ...deps, git }, plain.folder, 'main', from, to),
      );
      if (!came) return;
      yield { at, plain, from, to, deps: depsOf(plain) };
      plain.remove();
    }
  }

  it('is done when it is repeated, and never leaves a part of a file', async () => {
    const whole = new Set<string>();
    const { plain: reference } = setUp();
    for (const commit of [template.from, template.to]) {
      reference.git('checkout', '-q', '--detach', commit);
      for (const entry of Object.entries(filesIn(reference.folder))) whole.add(entry.join(' '));
    }
    for await (const { at, plain, from, to, deps } of moments()) {
      for (const entry of Object.entries(filesIn(plain.folder))) {
        assert.ok(whole.has(entry.join(' ')), `${at}: ${entry}`);
      }
      assert.deepEqual(await moveBranch(deps, plain.folder, 'main', from, to), { how: 'moved' }, `${at}`);
      assertAt(plain, to);
    }
  });

  it('is undone when the branch is to go elsewhere, unless it has moved', async () => {
    for await (const { plain, from, to, deps } of moments()) {
      const now = plain.git('rev-parse', 'main');
      const result = await moveBranch(deps, plain.folder, 'main', '1'.repeat(40), '2'.repeat(40));
      assert.deepEqual(result, { how: 'elsewhere', commit: now });
      assert.ok(now === from || now === to);
      assertAt(plain, now);
    }
  });

  it('keeps what the user has written since', async () => {
    for await (const { at, plain, from, to, deps } of moments()) {
      const mine = ['text.txt', 'new/place/ä file', 'run', 'becomes a file'].filter((path) =>
        lstatSync(join(plain.folder, path), { throwIfNoEntry: false })?.isFile(),
      );
      for (const path of mine) writeFileSync(join(plain.folder, path), `mine: ${path}`);
      await moveBranch(deps, plain.folder, 'main', from, to);
      for (const path of mine) {
        assert.equal(readFileSync(join(plain.folder, path), 'utf8'), `mine: ${path}`, `${at}`);
      }
      assertNothingLeft(plain);
    }
  });

  it('is left to the user who has removed its lock', async () => {
    for await (const { plain, from, to, deps } of moments()) {
      rmSync(join(plain.folder, '.git/index.lock'), { force: true });
      const files = filesIn(plain.folder);
      const isDone = plain.git('rev-parse', 'main') === to;
      const isChanged = plain.git('status', '--porcelain') !== '';
      const result = await moveBranch(deps, plain.folder, 'main', from, to);
      assert.equal(result.how, isDone || !isChanged ? 'moved' : 'checked_out');
      if (result.how === 'checked_out') {
        assert.deepEqual(filesIn(plain.folder), files);
        assertNothingLeft(plain);
      }
    }
  });

  it('is undone at once when a file cannot be written', async () => {
    const step = isWhole ? 1 : 31;
    for (let at = isWhole ? 1 : Number(process.env.MAOS_KILLS ?? 1); ; at += step) {
      const { plain, from, to } = setUp();
      const deps = depsOf(plain, await deadProcess());
      const moved = await failingAt(at, deps.git, (git) =>
        moveBranch({ ...deps, git }, plain.folder, 'main', from, to),
      ).catch(() => null);
      if (moved !== null) return assertAt(plain, to);
      const now = plain.git('rev-parse', 'main');
      assert.equal(plain.git('status', '--porcelain'), '', `${at}`);
      assert.deepEqual(await moveBranch(depsOf(plain), plain.folder, 'main', now, to), { how: 'moved' });
      assertAt(plain, to);
      plain.remove();
    }
  });

  it('may leave the locks of refs that git has taken', async () => {
    const { plain, from, to } = setUp();
    const deps = depsOf(plain, await deadProcess());
    const stopped = Promise.withResolvers<void>();
    const git: MoveDeps['git'] = {
      ...deps.git,
      run: (command) => {
        if (!command.args.includes('update-ref')) return deps.git.run(command);
        plain.write('.git/refs/heads/main.lock', `${to}\n`);
        plain.write('.git/HEAD.lock', '');
        stopped.resolve();
        return new Promise(() => {});
      },
    };
    await Promise.race([stopped.promise, moveBranch({ ...deps, git }, plain.folder, 'main', from, to)]);
    assert.deepEqual(await moveBranch(depsOf(plain), plain.folder, 'main', from, to), { how: 'moved' });
    assertAt(plain, to);
  });

  it('does not disturb another MAOS that runs', async () => {
    const { plain, from, to } = setUp();
    const moved = await Promise.all(
      [1, 2, 3].map(() => moveBranch(depsOf(plain), plain.folder, 'main', from, to)),
    );
    assert.deepEqual(moved, [{ how: 'moved' }, { how: 'moved' }, { how: 'moved' }]);
    assertAt(plain, to);
  });
});
