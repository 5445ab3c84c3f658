import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite, test } from 'node:test';

const detachedProcess = new URL(
  '../../../../src/infrastructure/process/launch/detached-process.ts',
  import.meta.url,
);

suite('a program that starts itself again', () => {
  test('gives Node the options that it was started with, and MAOS_DETACHED', (t) => {
    const folder = mkdtempSync(join(tmpdir(), 'maos-'));
    t.after(() => rmSync(folder, { recursive: true }));
    const script = join(folder, 'script.mjs');
    writeFileSync(
      script,
      `import { startDetached } from ${JSON.stringify(detachedProcess.href)};
      const { MAOS_AGENT_ID, MAOS_DETACHED, MAOS_HOME } = process.env;
      if (process.argv[2] === 'again')
        console.log(JSON.stringify([process.execArgv, process.cwd(), MAOS_HOME, MAOS_DETACHED, MAOS_AGENT_ID]));
      else startDetached(process.argv[2], ['again'], 'inherit');`,
    );
    const said = execFileSync(process.execPath, ['--v8-pool-size=1', script, folder], {
      env: { ...process.env, MAOS_AGENT_ID: 'agent' },
      encoding: 'utf8',
    });
    assert.deepEqual(JSON.parse(said), [['--v8-pool-size=1'], folder, folder, '1', null]);
  });
});
