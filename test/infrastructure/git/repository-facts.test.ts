import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, renameSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { readFacts } from '../../../src/infrastructure/git/repository-facts.ts';
import { type Git, makeGit } from '../../../src/infrastructure/git/run-git.ts';
import { worktreeEnvironment } from '../../../src/infrastructure/git/worktree-places.ts';
import { ScratchRepository } from './scratch-repository.ts';

let scratch: ScratchRepository;
let git: Git;
let ran: string[];

/** As if the repository had been left alone for a while. */
const later = () => Date.now() + 3_000;

beforeEach(() => {
  scratch = new ScratchRepository();
  scratch.git('config', 'filter.mark.clean', 'one');
  mkdirSync(join(scratch.folder, 'below'));
  const real = makeGit(scratch.environment);
  ran = [];
  git = {
    ...real,
    run: (command) => {
      ran.push(command.args[0] ?? '');
      return real.run(command);
    },
  };
});
afterEach(() => scratch.remove());

async function filterOf(cwd = scratch.folder, env = {}, now = later): Promise<string | null> {
  return (await readFacts(git, { cwd, env }, now)).config.value('filter.mark.clean');
}

describe('the facts of a repository', () => {
  it('are read once while nothing changes', async () => {
    await filterOf();
    assert.ok(ran.includes('config'));
    ran = [];
    assert.equal(await filterOf(), 'one');
    assert.deepEqual(ran, []);
  });

  it('are read again when the configuration has the same size and time', async () => {
    const file = join(scratch.folder, '.git', 'config');
    await filterOf();
    const { atime, mtime } = statSync(file);
    writeFileSync(file, readFileSync(file, 'utf8').replace('clean = one', 'clean = two'));
    utimesSync(file, atime, mtime);
    assert.equal(await filterOf(), 'two');
  });

  it('are read again when another file takes the place of the configuration', async () => {
    const own = join(scratch.folder, '.git');
    writeFileSync(join(own, 'other'), '[filter "mark"]\n\tclean = two\n');
    await filterOf();
    renameSync(join(own, 'other'), join(own, 'config'));
    assert.equal(await filterOf(), 'two');
  });

  it('are read again when a repository appears on the way to it', async () => {
    const below = join(scratch.folder, 'below');
    assert.equal(await filterOf(below), 'one');
    scratch.gitIn(below, 'init', '-q');
    assert.equal(await filterOf(below), null);
  });

  it('are read again when the folder names another repository', async () => {
    await filterOf();
    const other = join(scratch.root, 'other');
    mkdirSync(other);
    scratch.gitIn(other, 'init', '-q');
    writeFileSync(join(scratch.folder, '.git', 'commondir'), join(other, '.git'));
    assert.equal(await filterOf(), null);
  });

  it('are read again when a worktree gets a configuration of its own', async () => {
    const folder = join(scratch.root, 'tree');
    scratch.git('config', 'extensions.worktreeConfig', 'true');
    scratch.git('worktree', 'add', '-q', folder);
    const env = worktreeEnvironment(join(scratch.folder, '.git', 'worktrees', 'tree'), folder);
    assert.equal(await filterOf(folder, env), 'one');
    ran = [];
    assert.equal(await filterOf(folder, env), 'one');
    assert.deepEqual(ran, []);
    scratch.gitIn(folder, 'config', '--worktree', 'filter.mark.clean', 'two');
    assert.equal(await filterOf(folder, env), 'two');
  });

  it('are read each time when the configuration includes files, or has just changed', async () => {
    await filterOf(scratch.folder, {}, Date.now);
    ran = [];
    await filterOf(scratch.folder, {}, Date.now);
    assert.ok(ran.includes('config'));
    scratch.git('config', 'include.path', 'included');
    await filterOf();
    writeFileSync(join(scratch.folder, '.git', 'included'), '[filter "mark"]\n\tclean = two\n');
    assert.equal(await filterOf(), 'two');
  });

  it('are read again after a while, for the configuration of the user', async () => {
    await filterOf();
    ran = [];
    await filterOf(scratch.folder, {}, () => Date.now() + 60_000);
    assert.ok(ran.includes('config'));
  });
});
