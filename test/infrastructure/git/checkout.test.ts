import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { after, describe, it } from 'node:test';
import { noSetup } from '../../../src/domain/worktree.ts';
import { isTemporaryName } from '../../../src/infrastructure/files/disk/atomic.ts';
import { checkOut, discardCheckouts } from '../../../src/infrastructure/git/checkout.ts';
import { makeGit } from '../../../src/infrastructure/git/run-git.ts';
import { HistoryRepository } from './history-repository.ts';
import { endedAt } from './sudden-end.ts';

const made: HistoryRepository[] = [];
after(() => {
  for (const repository of made) repository.remove();
});

function setUp() {
  const plain = new HistoryRepository({ 'a.txt': 'base\n', '.gitignore': '.env\n*.log\n' });
  made.push(plain);
  const place = plain.place();
  return { plain, place, commit: plain.commitOn(plain.base, place.branch, { 'b/c.txt': 'c\n' }) };
}

describe('the checkout of a check', () => {
  it('is exactly the commit, with the set-up from the checkout of the user', async () => {
    const { plain, place, commit } = setUp();
    const { workspaces, layout } = plain;
    plain.write('.env', 'of the user');
    const agent = await workspaces.open(place, commit, null);
    plain.write('.env', 'of the agent', agent.folder);
    const setup = { ...noSetup, copy: ['.env'], setup: 'echo "$MAOS_PORT_1" > port.log', ports: 1 };
    const { folder, ports } = await workspaces.checkOut(place, commit, 1, setup);
    assert.equal(folder, layout.checkTree(place.sessionId, place.agentId, 1));
    assert.deepEqual(readdirSync(folder).sort(), ['.env', '.git', '.gitignore', 'a.txt', 'b', 'port.log']);
    assert.equal(readFileSync(join(folder, '.env'), 'utf8'), 'of the user');
    assert.equal(readFileSync(join(folder, 'port.log'), 'utf8'), `${ports[0]}\n`);
    assert.equal(plain.gitIn(folder, 'rev-parse', 'HEAD'), commit);
    assert.equal(plain.gitIn(folder, 'status', '--porcelain'), '');
    assert.equal(plain.tryGitIn(folder, 'symbolic-ref', '-q', 'HEAD').status, 1);
  });

  it('is made anew, whatever is there', async () => {
    const { plain, place, commit } = setUp();
    const { folder } = await plain.workspaces.checkOut(place, commit, 2, null);
    writeFileSync(join(folder, 'of an agent'), 'x');
    await plain.workspaces.checkOut(place, commit, 2, null);
    assert.equal(existsSync(join(folder, 'of an agent')), false);
    await plain.workspaces.checkOut(place, plain.base, 2, null);
    assert.deepEqual(readdirSync(folder).sort(), ['.git', '.gitignore', 'a.txt']);
  });

  it('runs no filter and no hook of the repository', async () => {
    const { plain, place, commit } = setUp();
    const ran = join(plain.root, 'ran');
    plain.git('config', 'filter.evil.smudge', `touch '${ran}'`);
    plain.git('config', 'filter.evil.required', 'true');
    plain.write('.git/info/attributes', '* filter=evil\n');
    mkdirSync(join(plain.folder, '.git/hooks'), { recursive: true });
    writeFileSync(join(plain.folder, '.git/hooks/post-checkout'), `#!/bin/sh\ntouch '${ran}'`, {
      mode: 0o755,
    });
    const { folder } = await plain.workspaces.checkOut(place, commit, 1, null);
    assert.equal(readFileSync(join(folder, 'a.txt'), 'utf8'), 'base\n');
    assert.equal(existsSync(ran), false);
  });

  it('is removed with what git knows of it; the logs stay', async () => {
    const { plain, place, commit } = setUp();
    const before = plain.git('worktree', 'list');
    for (const check of [1, 2]) await plain.workspaces.checkOut(place, commit, check, null);
    const checks = plain.layout.checks(place.sessionId, place.agentId);
    writeFileSync(join(checks, '1', 'stdout.log'), 'output');
    await plain.workspaces.discardCheckouts(place);
    await plain.workspaces.discardCheckouts(place);
    assert.deepEqual(readdirSync(join(checks, '1')), ['stdout.log']);
    assert.equal(plain.git('worktree', 'list'), before);
    assert.equal(existsSync(join(plain.folder, '.git/worktrees')), false);
  });

  for (const killed of ['made', 'removed'] as const) {
    it(`is made again from nothing and removed, wherever maos was killed while it was ${killed}`, async () => {
      const isWhole = process.env.MAOS_KILLS === 'all';
      const { plain, place, commit } = setUp();
      const before = plain.git('worktree', 'list');
      const git = makeGit(plain.environment);
      const deps = { git, layout: plain.layout, environment: plain.environment };
      const make = (by = git) => checkOut({ ...deps, git: by }, place, commit, 1, null);
      const discard = (by = git) => discardCheckouts({ ...deps, git: by }, place);
      const folder = plain.layout.checkTree(place.sessionId, place.agentId, 1);
      const step = isWhole ? 1 : 13;
      for (let at = isWhole ? 1 : Number(process.env.MAOS_KILLS ?? 1); ; at += step) {
        if (killed === 'removed') await make();
        const came = await endedAt(at, git, killed === 'made' ? make : discard);
        if (existsSync(folder) && !existsSync(`${folder}.json`)) writeFileSync(join(folder, 'left'), 'x');
        await make();
        assert.equal(plain.gitIn(folder, 'status', '--porcelain', '--ignored'), '', `${at}`);
        assert.equal(plain.gitIn(folder, 'rev-parse', 'HEAD'), commit);
        await endedAt(at, git, discard);
        await discard();
        const left = readdirSync(dirname(folder)).filter((name) => !isTemporaryName(name));
        assert.deepEqual(left, [], `${at}`);
        assert.equal(plain.git('worktree', 'list'), before, `${at}`);
        assert.deepEqual(entriesLeft(join(plain.folder, '.git/worktrees')), [], `${at}`);
        if (!came) return;
      }
    });
  }
});

/** A removal that was killed at its last step leaves an empty folder, which git prunes. */
function entriesLeft(worktrees: string): readonly string[] {
  if (!existsSync(worktrees)) return [];
  return readdirSync(worktrees).flatMap((name) => readdirSync(join(worktrees, name)));
}
