import assert from 'node:assert/strict';
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { noSetup } from '../../../src/domain/worktree.ts';
import { ScratchRepository } from './scratch-repository.ts';

let scratch: ScratchRepository;
beforeEach(() => {
  scratch = new ScratchRepository();
});
afterEach(() => scratch.remove());

const head = (): string => scratch.git('rev-parse', 'HEAD');

describe('a worktree', () => {
  it('is a checkout of its base on a branch of its own', async () => {
    const place = scratch.place();
    const base = head();
    scratch.write('a.txt', 'later\n');
    scratch.commitAll('Later');
    const { folder, ports } = await scratch.workspaces.open(place, base, null);
    assert.equal(folder, scratch.layout.worktree(place.sessionId, place.agentId));
    assert.deepEqual(ports, []);
    assert.equal(readFileSync(join(folder, 'a.txt'), 'utf8'), 'one\n');
    assert.equal(scratch.gitIn(folder, 'symbolic-ref', 'HEAD'), `refs/heads/${place.branch}`);
    assert.equal(scratch.gitIn(folder, 'rev-parse', 'HEAD'), base);
    assert.equal(scratch.gitIn(folder, 'status', '--porcelain'), '');
  });

  it('is left as it is when it is opened again', async () => {
    const place = scratch.place();
    const { folder } = await scratch.workspaces.open(place, head(), null);
    scratch.write('a.txt', 'work\n', folder);
    scratch.write('new.txt', 'work\n', folder);
    await scratch.workspaces.open(place, head(), null);
    assert.equal(scratch.gitIn(folder, 'status', '--porcelain'), ' M a.txt\n?? new.txt');
  });

  it('survives the prune and the removal of the user', async () => {
    const { folder } = await scratch.workspaces.open(scratch.place(), head(), null);
    scratch.git('worktree', 'prune');
    assert.throws(() => scratch.git('worktree', 'remove', folder), /in use by MAOS/);
    assert.ok(existsSync(folder));
  });

  it('comes back from its branch when its folder is gone', async () => {
    const place = scratch.place();
    const { folder } = await scratch.workspaces.open(place, head(), null);
    scratch.write('a.txt', 'work\n', folder);
    const work = scratch.commitAll('Work', folder);
    rmSync(folder, { recursive: true });
    await scratch.workspaces.open(place, head(), null);
    assert.equal(scratch.gitIn(folder, 'rev-parse', 'HEAD'), work);
    assert.equal(scratch.gitIn(folder, 'status', '--porcelain'), '');
  });

  it('is a worktree again when an agent has removed what makes it one', async () => {
    const place = scratch.place();
    const { folder } = await scratch.workspaces.open(place, head(), null);
    const gitDir = scratch.gitIn(folder, 'rev-parse', '--absolute-git-dir');
    scratch.write('a.txt', 'work\n', folder);
    rmSync(join(folder, '.git'));
    await scratch.workspaces.open(place, head(), null);
    assert.equal(scratch.gitIn(folder, 'status', '--porcelain'), ' M a.txt');

    rmSync(gitDir, { recursive: true });
    const { folder: other } = await scratch.workspaces.open(scratch.place('other'), head(), null);
    assert.equal(scratch.gitIn(other, 'rev-parse', '--absolute-git-dir'), gitDir, 'git reuses the name');
    await scratch.workspaces.open(place, head(), null);
    assert.equal(scratch.gitIn(folder, 'symbolic-ref', '--short', 'HEAD'), place.branch);
    assert.equal(scratch.gitIn(folder, 'status', '--porcelain'), ' M a.txt');
    assert.equal(scratch.gitIn(other, 'status', '--porcelain'), '');
    assert.equal(scratch.git('worktree', 'list').split('\n').length, 3);
  });

  it('is made beside others at the same time', async () => {
    const names = Array.from({ length: 8 }, (_, index) => `agent-${index}`);
    const opened = await Promise.all(
      names.map((name) => scratch.workspaces.open(scratch.place(name), head(), null)),
    );
    for (const { folder } of opened) assert.equal(scratch.gitIn(folder, 'status', '--porcelain'), '');
  });

  it('gets different free ports in every call', async () => {
    const setup = { ...noSetup, ports: 3 };
    const opened = await Promise.all(
      ['a', 'b', 'c'].map((name) => scratch.workspaces.open(scratch.place(name), head(), setup)),
    );
    assert.equal(new Set(opened.flatMap(({ ports }) => ports)).size, 9);
  });
});
