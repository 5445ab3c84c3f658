import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';

/** Runs the test in a file system of 64 KiB; skips it with a reason where mounting is not possible. */
export async function withSmallDisk(
  t: TestContext,
  test: (folder: string) => Promise<void> | void,
): Promise<void> {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) {
    t.skip('mounting a small tmpfs takes root on Linux');
    return;
  }
  const folder = mkdtempSync(join(tmpdir(), 'maos-small-disk-'));
  const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=64k,mode=700', 'tmpfs', folder], {
    encoding: 'utf8',
  });
  if (mounted.status !== 0) {
    rmdirSync(folder);
    t.skip(`a tmpfs cannot be mounted: ${mounted.stderr || mounted.error}`);
    return;
  }
  try {
    await test(folder);
  } finally {
    spawnSync('umount', [folder]);
    // Fails, and the test with it, while it is still mounted.
    rmdirSync(folder);
  }
}
