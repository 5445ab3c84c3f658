import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chmodSync, copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { it, type TestContext } from 'node:test';
import { openRepository } from '../../../src/infrastructure/git/repository.ts';
import { makeGit } from '../../../src/infrastructure/git/run-git.ts';
import { verifyObjects } from '../../../src/infrastructure/git/verify-objects.ts';

/** Sizes around those of the pieces that a pipe gives. */
const sizes = [0, 1, 65_480, 65_535, 65_536, 3_000_001];

async function setUp(t: TestContext, format: string) {
  const folder = mkdtempSync(join(tmpdir(), 'maos-objects-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const env = { PATH: process.env.PATH, HOME: folder, GIT_CONFIG_NOSYSTEM: '1' };
  const git = (...args: string[]): string =>
    execFileSync('git', ['-c', 'user.name=x', '-c', 'user.email=x@example.org', ...args], {
      ...{ cwd: folder, env, encoding: 'utf8' },
    }).trim();
  git('init', '-q', `--object-format=${format}`);
  for (const size of sizes) writeFileSync(join(folder, `of ${size}`), '\n'.repeat(size));
  git('add', '-A');
  git('commit', '-q', '-m', 'x');
  const commit = git('rev-parse', 'HEAD');
  const repository = await openRepository(makeGit(env), folder);
  const fileOf = (id: string): string => join(folder, '.git/objects', id.slice(0, 2), id.slice(2));
  return {
    git,
    commit,
    fileOf,
    verify: (matters = true) => verifyObjects(repository, [commit], () => matters),
  };
}

for (const format of ['sha1', 'sha256']) {
  it(`finds each object that has other content, or is missing (${format})`, async (t) => {
    const { git, commit, fileOf, verify } = await setUp(t, format);
    await verify();
    for (const size of sizes) {
      const id = git('rev-parse', `${commit}:of ${size}`);
      const other = fileOf(git('rev-parse', `${commit}:of ${size === 1 ? 0 : 1}`));
      const kept = `${fileOf(id)}.kept`;
      copyFileSync(fileOf(id), kept);
      chmodSync(fileOf(id), 0o644);
      copyFileSync(other, fileOf(id));
      await assert.rejects(verify(), { code: 'INVALID_INPUT', message: new RegExp(`^Object ${id} `) });
      await verify(false);
      rmSync(fileOf(id));
      await assert.rejects(verify(), { message: new RegExp(`^Object ${id} `) });
      copyFileSync(kept, fileOf(id));
      await verify();
    }
  });
}
