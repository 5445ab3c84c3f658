import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { chosenPager, harmlessDiff, page } from '../../../../src/presentation/cli/shell/pager.ts';

const folder = mkdtempSync(join(tmpdir(), 'maos-pager-'));
after(() => rmSync(folder, { recursive: true, force: true }));

function home(name: string, config: string | null): Record<string, string> {
  const path = join(folder, name);
  mkdirSync(path);
  if (config !== null) writeFileSync(join(path, '.gitconfig'), config);
  return { PATH: process.env.PATH ?? '', HOME: path };
}

describe('the pager', () => {
  it("is the user's, in git's order", async () => {
    const bare = home('bare', null);
    const configured = home('configured', '[core]\n\tpager = delta --dark\n');
    assert.equal(await chosenPager(bare), 'less');
    assert.equal(await chosenPager({ ...bare, PAGER: 'more' }), 'more');
    assert.equal(await chosenPager({ ...configured, PAGER: 'more' }), 'delta --dark');
    assert.equal(await chosenPager({ ...configured, GIT_PAGER: 'most' }), 'most');
    assert.equal(await chosenPager({ ...configured, GIT_PAGER: '' }), null);
    assert.equal(await chosenPager({ ...bare, PAGER: 'cat' }), null);
    assert.equal(await chosenPager({ ...bare, PATH: '/nowhere', PAGER: 'more' }), 'more');
  });

  it('is never one that a repository names', async () => {
    const repository = join(folder, 'repository');
    execFileSync('git', ['init', '--quiet', repository]);
    execFileSync('git', ['-C', repository, 'config', 'core.pager', 'touch pwned']);
    const env = { ...home('inside', null), GIT_DIR: join(repository, '.git') };
    assert.equal(await chosenPager(env), 'less');
  });

  it('receives the text and the options that git gives it', async () => {
    const env = { PATH: process.env.PATH, OUT: join(folder, 'shown') };
    assert.equal(await page('one\ntwo\n', 'printf "%s " "$LESS" "$LV" >"$OUT"; cat >>"$OUT"', env), true);
    assert.equal(readFileSync(env.OUT, 'utf8'), 'FRX -c one\ntwo\n');
    assert.equal(await page('x'.repeat(1_000_000), 'true', env), true);
    assert.equal(await page('one', 'no-such-pager 2>/dev/null', env), false);
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
