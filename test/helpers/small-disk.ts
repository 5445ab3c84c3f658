import { spawnSync } from 'node:child_process';
import { mkdtempSync, realpathSync, rmdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';

/**
 * A file system with this many KiB, unmounted after the test.
 * @returns its folder; null, with the test skipped and the reason stated, where mounting is not possible
 */
export function smallDisk(t: TestContext, kib: number): string | null {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) {
    t.skip('mounting a small tmpfs takes root on Linux');
    return null;
  }
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'maos-disk-')));
  const mount = spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${kib}k,mode=700`, 'tmpfs', folder], {
    encoding: 'utf8',
  });
  if (mount.status !== 0) {
    rmdirSync(folder);
    t.skip(`a tmpfs cannot be mounted: ${mount.stderr || mount.error}`);
    return null;
  }
  t.after(() => {
    spawnSync('umount', ['-l', folder]);
    // Fails, and the test with it, while it is still mounted.
    rmdirSync(folder);
  });
  return folder;
}
