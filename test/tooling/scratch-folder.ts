import { spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const memory = '/dev/shm';
/** More than the files of the tests ever take at a time. */
const enoughBytes = 4 * 2 ** 30;

/**
 * A folder for the temporary files of one run: in memory where the system has a place for that, because a third of what
 * the system does for the tests is to bring their small databases to a disk. No test cuts the power.
 */
export function makeScratchFolder(): string {
  const folder = mkdtempSync(join(isFit(memory) ? memory : tmpdir(), 'maos-tests-'));
  // Some tests run programs as a user without privileges.
  chmodSync(folder, 0o1777);
  return folder;
}

/** In a container it is often small, and no program may be run from it. */
function isFit(folder: string): boolean {
  try {
    const { bavail, bsize } = statfsSync(folder);
    return bavail * bsize >= enoughBytes && runsPrograms(folder);
  } catch {
    return false;
  }
}

function runsPrograms(parent: string): boolean {
  const folder = mkdtempSync(join(parent, 'maos-tests-'));
  const program = join(folder, 'program');
  writeFileSync(program, '#!/bin/sh\n', { mode: 0o755 });
  const { status } = spawnSync(program);
  rmSync(folder, { recursive: true });
  return status === 0;
}
