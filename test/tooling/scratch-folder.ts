import { spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const memory = '/dev/shm';
/** More than the tests' files ever need at a time. */
const enoughBytes = 4 * 2 ** 30;

/**
 * A folder for the temporary files of one run. In memory if possible, because writing the tests' small databases to a
 * disk takes a third of the system time. No test simulates a power failure.
 */
export function makeScratchFolder(): string {
  const folder = mkdtempSync(join(isFit(memory) ? memory : tmpdir(), 'maos-tests-'));
  // Some tests run programs as a user without privileges.
  chmodSync(folder, 0o1777);
  return folder;
}

/** In a container, it is often too small, or does not allow running programs. */
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
