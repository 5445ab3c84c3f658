import assert from 'node:assert/strict';
import { existsSync, lstatSync, mkdirSync, readFileSync, readlinkSync, rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { isMaosError } from '../../../src/domain/errors.ts';
import { noSetup, type WorktreeSetup } from '../../../src/domain/worktree.ts';
import { makeWorkspaces } from '../../../src/infrastructure/git/workspaces.ts';
import { ScratchRepository } from './scratch-repository.ts';

let scratch: ScratchRepository;
beforeEach(() => {
  scratch = new ScratchRepository('repository', {
    'a.txt': 'one\n',
    '.gitignore': '.env\nnode_modules/\n/secrets/\n',
  });
});
afterEach(() => scratch.remove());

async function open(setup: Partial<WorktreeSetup> | null): Promise<string> {
  const whole = setup === null ? null : { ...noSetup, ...setup };
  return (await scratch.workspaces.open(scratch.place(), scratch.git('rev-parse', 'HEAD'), whole)).folder;
}

async function refused(setup: Partial<WorktreeSetup>, pattern: RegExp): Promise<void> {
  await assert.rejects(open(setup), (error) => {
    assert.ok(isMaosError(error, 'INVALID_INPUT'), String(error));
    assert.match(error.message, pattern);
    return true;
  });
}

const text = { message: 'maos: coder\n', author: null, at: '2026-01-01T00:00:00Z' };
async function kept(): Promise<string[]> {
  const base = scratch.git('rev-parse', 'HEAD');
  const ref = 'refs/maos/sess_00000000000000000000000001/coder/1';
  const snapshot = await scratch.workspaces.snapshot(scratch.place(), base, ref, text);
  return scratch.git('ls-tree', '-r', '--name-only', snapshot?.commit ?? '').split('\n');
}

describe('the set-up of a worktree', () => {
  it('copies untracked files by patterns, and leaves what the commit has', async () => {
    scratch.write('.env', 'SECRET=1\n');
    scratch.write('deep/.env', 'SECRET=2\n');
    scratch.write('local/x.json', '{}');
    scratch.write('local/skipped.txt', '');
    scratch.write('a.txt', 'changed by the user\n');
    scratch.write('node_modules/m/index.js', '');
    mkdirSync(join(scratch.folder, 'node_modules/.bin'));
    symlinkSync('../m/index.js', join(scratch.folder, 'node_modules/.bin/m'));
    const folder = await open({ copy: ['.env', '/local/*', '!skipped.txt', 'a.txt', 'node_modules'] });
    assert.equal(readFileSync(join(folder, '.env'), 'utf8'), 'SECRET=1\n');
    assert.equal(readFileSync(join(folder, 'deep/.env'), 'utf8'), 'SECRET=2\n');
    assert.ok(existsSync(join(folder, 'local/x.json')));
    assert.ok(!existsSync(join(folder, 'local/skipped.txt')));
    assert.equal(readFileSync(join(folder, 'a.txt'), 'utf8'), 'one\n');
    assert.equal(readlinkSync(join(folder, 'node_modules/.bin/m')), '../m/index.js');
  });

  it('copies the ignored files that .worktreeinclude matches', async () => {
    scratch.write('.worktreeinclude', '# local settings\n.env\n*.txt\nsecrets/key\n');
    scratch.write('.env', 'SECRET=1\n');
    scratch.write('not-ignored.txt', '');
    scratch.write('secrets/key', 'k');
    scratch.write('secrets/other', 'o');
    const folder = await open(null);
    assert.ok(existsSync(join(folder, '.env')));
    assert.ok(existsSync(join(folder, 'secrets/key')));
    for (const path of ['not-ignored.txt', 'secrets/other']) assert.ok(!existsSync(join(folder, path)), path);
  });

  it('links large folders', async () => {
    scratch.write('node_modules/m/index.js', 'm');
    const folder = await open({ link: ['node_modules/'] });
    assert.ok(lstatSync(join(folder, 'node_modules')).isSymbolicLink());
    assert.equal(readFileSync(join(folder, 'node_modules/m/index.js'), 'utf8'), 'm');
  });

  it('brings nothing that a snapshot commits, even if the agent has added it', async () => {
    scratch.write('node_modules/m/index.js', 'm');
    scratch.write('local/settings', 's');
    const folder = await open({ link: ['node_modules'], copy: ['local/'] });
    scratch.write('work.txt', 'work\n', folder);
    assert.deepEqual(await kept(), ['.gitignore', 'a.txt', 'work.txt']);
    scratch.commitAll('All of it', folder);
    assert.deepEqual(await kept(), ['.gitignore', 'a.txt', 'work.txt']);
    assert.ok(existsSync(join(folder, 'local/settings')));
  });

  it('runs a command with the ports, without the variables of git', async () => {
    const environment = { ...scratch.environment, GIT_DIR: '/nowhere' };
    const workspaces = makeWorkspaces({ layout: scratch.layout, environment });
    const setup = { ...noSetup, ports: 2, setup: 'env | sort > said; pwd >> said' };
    const { folder } = await workspaces.open(scratch.place(), scratch.git('rev-parse', 'HEAD'), setup);
    const lines = readFileSync(join(folder, 'said'), 'utf8').trim().split('\n');
    assert.ok(!lines.some((line) => line.startsWith('GIT_DIR')));
    assert.equal(lines.filter((line) => /^MAOS_PORT_[12]=\d+$/.test(line)).length, 2);
    assert.equal(lines.at(-1), folder);
  });

  it('fails with the end of the output of its command, and begins anew afterwards', async () => {
    await refused(
      { setup: 'echo half > half; echo "no such package" >&2; exit 3' },
      /^The setup "echo half.*" of the worktree exited with status 3\. Its output is in .*ends with:\nno such package$/s,
    );
    const folder = await open({ setup: 'test ! -e half' });
    assert.ok(existsSync(join(folder, 'a.txt')));
  });

  it('is refused for what is outside of the repository, or not there', async () => {
    await refused({ copy: ['../x'] }, /"\.\.\/x" in `copy` .* is not a path inside the repository/);
    await refused({ link: ['/etc'] }, /"\/etc" in `link` .* is not a path inside/);
    await refused({ link: ['a/../../x'] }, /is not a path inside/);
    await refused({ link: ['missing'] }, /"missing" cannot be linked .* does not exist/);
    symlinkSync('/etc', join(scratch.folder, 'away'));
    await refused({ link: ['away'] }, /leads to "\/etc", outside of the repository/);
  });

  it('never writes through a link of the commit', async () => {
    const outside = join(scratch.root, 'outside');
    mkdirSync(outside);
    symlinkSync(outside, join(scratch.folder, 'config'));
    scratch.commitAll('A link');
    rmSync(join(scratch.folder, 'config'));
    scratch.write('config/.env', 'SECRET=1\n');
    await refused({ copy: ['.env'] }, /"config" is not a folder there/);
    assert.ok(!existsSync(join(outside, '.env')));
  });
});

describe('a worktree that begins with a merge', () => {
  function conflicting() {
    const base = scratch.git('rev-parse', 'HEAD');
    scratch.git('checkout', '-q', '-b', 'other');
    scratch.write('a.txt', 'theirs\n');
    scratch.write('new.txt', 'theirs\n');
    const theirs = scratch.commitAll('Theirs');
    scratch.git('checkout', '-q', 'main');
    scratch.write('a.txt', 'ours\n');
    const ours = scratch.commitAll('Ours');
    const begin = (given: { ours?: string; theirs?: string } = {}) =>
      scratch.workspaces.open(scratch.place(), base, null, { ours, theirs, paths: ['a.txt'], ...given });
    const text = { message: 'Left', author: null, at: '2026-01-01T00:00:00.000Z' };
    const keep = async () => {
      const ref = 'refs/maos/sess_00000000000000000000000001/coder/1';
      const kept = await scratch.workspaces.snapshot(scratch.place(), base, ref, text);
      return kept?.commit ?? assert.fail('not kept');
    };
    return { ours, theirs, begin, keep };
  }

  it('has its conflicts in the files, once', async () => {
    const { ours, theirs, begin } = conflicting();
    const { folder } = await begin();
    assert.match(
      readFileSync(join(folder, 'a.txt'), 'utf8'),
      /<<<<<<< HEAD\nours\n=======\ntheirs\n>>>>>>> /,
    );
    assert.equal(scratch.gitIn(folder, 'rev-parse', 'HEAD', 'MERGE_HEAD'), `${ours}\n${theirs}`);
    assert.equal(scratch.gitIn(folder, 'symbolic-ref', '--short', 'HEAD'), scratch.place().branch);
    scratch.write('a.txt', 'both\n', folder);
    await begin();
    assert.equal(readFileSync(join(folder, 'a.txt'), 'utf8'), 'both\n');
  });

  it('goes on with a merge that was kept with its conflicts', async () => {
    const { theirs, begin, keep } = conflicting();
    const { folder } = await begin();
    const left = await keep();
    await begin({ ours: left });
    assert.equal(scratch.gitIn(folder, 'rev-parse', 'HEAD', 'MERGE_HEAD'), `${left}\n${theirs}`);
    assert.match(readFileSync(join(folder, 'a.txt'), 'utf8'), /<<<<<<< HEAD\nours\n/);
    scratch.write('a.txt', 'both\n', folder);
    const merged = await keep();
    assert.equal(scratch.git('rev-parse', `${merged}^@`), `${left}\n${theirs}`);
  });

  it('begins again with another side, over a merge that was kept with its conflicts', async () => {
    const { theirs, begin, keep } = conflicting();
    const { folder } = await begin();
    const left = await keep();
    scratch.git('checkout', '-q', 'other');
    scratch.write('b.txt', 'theirs\n');
    const later = scratch.commitAll('Theirs, later');
    await begin({ ours: left, theirs: later });
    assert.equal(scratch.gitIn(folder, 'rev-parse', 'HEAD', 'MERGE_HEAD'), `${left}\n${later}`);
    assert.equal(readFileSync(join(folder, 'b.txt'), 'utf8'), 'theirs\n');
    assert.notEqual(later, theirs);
  });

  it('begins again when the agent has aborted it', async () => {
    const { ours, theirs, begin, keep } = conflicting();
    const { folder } = await begin();
    scratch.gitIn(folder, 'merge', '--abort');
    assert.equal(await keep(), ours);
    await begin();
    assert.equal(scratch.gitIn(folder, 'rev-parse', 'HEAD', 'MERGE_HEAD'), `${ours}\n${theirs}`);
  });

  it('leaves a merge that the agent has committed', async () => {
    const { ours, theirs, begin } = conflicting();
    const { folder } = await begin();
    scratch.write('a.txt', 'both\n', folder);
    const merged = scratch.commitAll('Merged', folder);
    await begin();
    assert.equal(scratch.gitIn(folder, 'rev-parse', 'HEAD', 'HEAD^@'), `${merged}\n${ours}\n${theirs}`);
  });

  it('is refused over changes', async () => {
    const base = scratch.git('rev-parse', 'HEAD');
    const { folder } = await scratch.workspaces.open(scratch.place(), base, null);
    scratch.write('a.txt', 'work\n', folder);
    const conflict = { ours: base, theirs: base, paths: [] };
    await assert.rejects(
      scratch.workspaces.open(scratch.place(), base, null, conflict),
      /has changes that no commit holds, such as "a\.txt"/,
    );
    assert.equal(readFileSync(join(folder, 'a.txt'), 'utf8'), 'work\n');
  });
});
