import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';

test('without /proc it is said that there is none', (t) => {
  const module = new URL('../../../../src/infrastructure/process/tree/identity.ts', import.meta.url);
  const program = `
    import { identify } from ${JSON.stringify(module.href)};
    identify(process.pid).catch(({ code, message }) => console.log(code, message));`;
  const line = 'umount -l /proc && exec "$0" --input-type=module -e "$1"';
  const args = ['-m', '/bin/sh', '-c', line, process.execPath, program];
  const { stdout, status, stderr } = spawnSync('unshare', args, { encoding: 'utf8' });
  if (status !== 0) return t.skip(`/proc cannot be taken away here: ${stderr}`);
  assert.match(stdout, /^CONFIG_INVALID There is no \/proc here/);
});
