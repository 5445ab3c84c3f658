import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { it } from 'node:test';
import { checkHome } from '../../../../src/presentation/cli/shell/home-check.ts';

it('a home that does not exist yet is right only where this user can create it', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'home-check-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const home = join(folder, 'locked', 'deep', 'home');
  assert.deepEqual(await checkHome(home), {
    name: 'home',
    state: 'ok',
    detail: `${home} (created when first needed)`,
    fix: null,
  });
  mkdirSync(join(folder, 'locked'), { mode: 0o555 });
  chmodSync(folder, 0o755);
  const module = new URL('../../../../src/presentation/cli/shell/home-check.ts', import.meta.url).href;
  // File modes do not restrict root, and another user may not be able to read this checkout.
  const script = `
    import { checkHome } from ${JSON.stringify(module)};
    if (process.getuid?.() === 0) process.setuid(65_534);
    console.log(JSON.stringify(await checkHome(process.argv[1])));`;
  const said = execFileSync(process.execPath, ['--input-type=module', '-e', script, home], {
    encoding: 'utf8',
  });
  const { state, detail, fix } = JSON.parse(said);
  assert.deepEqual([state, detail], ['problem', `${home} cannot be created`]);
  assert.match(fix, /locked.*permission/);
});
