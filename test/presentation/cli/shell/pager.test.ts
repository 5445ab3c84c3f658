import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { chosenDiffPager, chosenPager, harmlessDiff } from '../../../../src/presentation/cli/shell/pager.ts';

const folder = mkdtempSync(join(tmpdir(), 'maos-pager-'));
after(() => rmSync(folder, { recursive: true, force: true }));

function home(name: string, config: string | null): Record<string, string> {
  const path = join(folder, name);
  mkdirSync(path);
  if (config !== null) writeFileSync(join(path, '.gitconfig'), config);
  return { PATH: process.env.PATH ?? '', HOME: path };
}

describe('the pager', () => {
  it('of texts is that of MAOS_PAGER, then PAGER, then less', () => {
    assert.equal(chosenPager({}), 'less');
    assert.equal(chosenPager({ PAGER: 'more', GIT_PAGER: 'delta' }), 'more');
    assert.equal(chosenPager({ PAGER: 'more', MAOS_PAGER: 'most' }), 'most');
    for (const none of ['', 'cat']) assert.equal(chosenPager({ PAGER: 'more', MAOS_PAGER: none }), null);
  });

  it("of diffs is the user's, in git's order", async () => {
    const bare = home('bare', null);
    const configured = home('configured', '[core]\n\tpager = delta --dark\n');
    assert.equal(await chosenDiffPager(bare), 'less');
    assert.equal(await chosenDiffPager({ ...bare, PAGER: 'more' }), 'more');
    assert.equal(await chosenDiffPager({ ...configured, PAGER: 'more' }), 'delta --dark');
    assert.equal(await chosenDiffPager({ ...configured, GIT_PAGER: 'most' }), 'most');
    assert.equal(await chosenDiffPager({ ...configured, GIT_PAGER: 'most', MAOS_PAGER: 'more' }), 'more');
    assert.equal(await chosenDiffPager({ ...configured, GIT_PAGER: '' }), null);
    assert.equal(await chosenDiffPager({ ...bare, PAGER: 'cat' }), null);
    assert.equal(await chosenDiffPager({ ...bare, PATH: '/nowhere', PAGER: 'more' }), 'more');
  });

  it('is never one that a repository names', async () => {
    const repository = join(folder, 'repository');
    execFileSync('git', ['init', '--quiet', repository]);
    execFileSync('git', ['-C', repository, 'config', 'core.pager', 'touch pwned']);
    const env = { ...home('inside', null), GIT_DIR: join(repository, '.git') };
    assert.equal(await chosenDiffPager(env), 'less');
  });
});

describe('a diff on a terminal', () => {
  it("keeps git's colours, and shows other control characters", () => {
    const shown = harmlessDiff(
      '\u001b[1mdiff\u001b[m\n\u001b[32m+\u001b[m\u001b[32ma\u001b]0;title\u0007\u001b[m\n',
    );
    assert.equal(
      shown,
      '\u001b[1mdiff\u001b[m\n\u001b[32m+\u001b[m\u001b[32ma\\u001b]0;title\\u0007\u001b[m\n',
    );
  });
});
