import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { MaosError } from '../../domain/errors.ts';
import { fileMode } from '../files/disk/folders.ts';
import { identify, type ProcessIdentity, sight } from '../process/tree/identity.ts';

/**
 * Lets only one process be the host of a home. The lock of a killed process does not count.
 * @returns a function that releases it
 * @throws MaosError INVALID_TRANSITION while another process holds it
 */
export async function holdHostLock(path: string): Promise<() => void> {
  await refuseSecondHost(path);
  writeFileSync(path, JSON.stringify(await identify(process.pid)), { mode: fileMode });
  return () => rmSync(path, { force: true });
}

/** @throws MaosError INVALID_TRANSITION while another process holds the lock */
export async function refuseSecondHost(path: string): Promise<void> {
  const holder = holderOf(path);
  if (holder !== null && holder.pid !== process.pid && (await sight(holder)) !== 'gone') {
    throw new MaosError(
      'INVALID_TRANSITION',
      `Process ${holder.pid} is already the host of this home. End it first, or give this one another MAOS_HOME.`,
      { details: { pid: holder.pid } },
    );
  }
}

function holderOf(path: string): ProcessIdentity | null {
  try {
    const { pid, startTime, bootId, place } = JSON.parse(
      readFileSync(path, 'utf8'),
    ) as Partial<ProcessIdentity>;
    if (pid === undefined || startTime === undefined || bootId === undefined || place === undefined)
      return null;
    return { pid, startTime, bootId, place };
  } catch {
    // It is missing, or its writer was killed while writing.
    return null;
  }
}
