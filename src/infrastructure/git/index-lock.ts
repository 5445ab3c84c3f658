import { link, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isTemporaryName, temporaryPath } from '../files/disk/atomic.ts';
import { isMissing, systemCode } from '../files/disk/file-error.ts';
import { type ProcessIdentity, sight } from '../process/tree/identity.ts';

/** The move that a lock is for. */
export interface LockedMove {
  readonly ref: string;
  readonly from: string;
  readonly to: string;
}

/** Content of the lock: no git writes such a file, so a killed MAOS's is recognised. */
interface LockRecord extends LockedMove {
  readonly maos: 'move';
  readonly process: ProcessIdentity;
}

/** Who holds the index of a checkout. */
export type IndexHolder =
  | { readonly who: 'nobody' }
  /** git, an editor, or something else. */
  | { readonly who: 'another' }
  | { readonly who: 'maos'; readonly isAlive: boolean; readonly move: LockedMove };

function lockFile(gitDir: string): string {
  return join(gitDir, 'index.lock');
}

/**
 * Takes the lock that git takes to change the index, so that no command of the user changes files or index meanwhile.
 * @returns false if something holds it
 */
export async function takeIndex(
  gitDir: string,
  move: LockedMove,
  process: ProcessIdentity,
): Promise<boolean> {
  const path = lockFile(gitDir);
  const record: LockRecord = { maos: 'move', ...move, process };
  const temporary = temporaryPath(path);
  try {
    await writeFile(temporary, `${JSON.stringify(record)}\n`, { flag: 'wx' });
    // Unlike a new file, a link has its content from the start.
    await link(temporary, path);
    return true;
  } catch (error) {
    // Missing: another MAOS has taken it for the rest of a killed one.
    if (systemCode(error) === 'EEXIST' || systemCode(error) === 'ENOENT') return false;
    throw error;
  } finally {
    await rm(temporary, { force: true });
  }
}

/** Removes what a killed MAOS has left of a lock that it was about to take. */
export async function sweepLocks(gitDir: string): Promise<void> {
  for (const name of await readdir(gitDir)) {
    if (name.startsWith('.index.lock.') && isTemporaryName(name))
      await rm(join(gitDir, name), { force: true });
  }
}

/** Releases the lock; only its holder may, or whoever finds that its holder is dead. */
export async function releaseIndex(gitDir: string): Promise<void> {
  await rm(lockFile(gitDir), { force: true });
}

export async function whoHoldsIndex(gitDir: string): Promise<IndexHolder> {
  let content: string;
  try {
    content = await readFile(lockFile(gitDir), 'latin1');
  } catch (error) {
    if (isMissing(error)) return { who: 'nobody' };
    throw error;
  }
  const record = parseRecord(content);
  if (record === null) return { who: 'another' };
  // What runs where this process cannot see it may be alive.
  return { who: 'maos', isAlive: (await sight(record.process)) !== 'gone', move: record };
}

function parseRecord(content: string): LockRecord | null {
  if (!content.startsWith('{"maos":"move"')) return null;
  try {
    return JSON.parse(content) as LockRecord;
  } catch {
    // Cut, as no MAOS leaves it.
    return null;
  }
}
