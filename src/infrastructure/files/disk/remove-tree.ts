import type { Dirent } from 'node:fs';
import { chmod, lstat, opendir, rename, rmdir, unlink } from 'node:fs/promises';
import { setTimeout as pause } from 'node:timers/promises';
import type { NotRemoved } from '../../../application/ports/maintenance.ts';
import { systemCode } from './file-error.ts';
import { bytesOfName, joinBytes, nameEncoding, textOfName } from './file-names.ts';
import { folderMode } from './folders.ts';

/** Number of entries removed in parallel. */
const atOnce = 16;
/** Another process may be emptying or filling the same folder. */
const mostPasses = 5;
const passPauseMs = 20;
/** Maximum number of entries named in the report: an agent can leave any number. The others stay in the folder too. */
const mostNamed = 10;

/**
 * Removes a folder with everything in it; skips what cannot be removed.
 *
 * Problem: agents leave trees that are deeper than any path can name, folders without permissions for their owner, and
 * names that are not text.
 * Solution: move a folder that is not empty to a new short name and empty it there, so that paths stay short; change
 * modes where the owner may; keep names as bytes.
 * @param newName returns an absolute path on the same file system; what a killed process leaves there, the next one
 *   removes
 * @returns the first few remaining entries, with the reasons
 */
export async function removeTree(folder: string, newName: () => string): Promise<readonly NotRemoved[]> {
  const left: NotRemoved[] = [];
  const queue = [folder];
  const note = (at: Buffer, error: unknown): void => {
    const reason = systemCode(error) ?? String(error);
    if (left.length < mostNamed) left.push({ path: textOfName(at), reason });
  };
  for (let next = queue.pop(); next !== undefined; next = queue.pop()) {
    const { moved, problem } = await emptied(Buffer.from(next), newName);
    queue.push(...moved);
    if (problem !== null) note(problem.at, problem.error);
  }
  return left;
}

interface Problem {
  readonly at: Buffer;
  readonly error: unknown;
}

/** Removes one folder. Moves subfolders that are not empty to new names, and returns these. */
async function emptied(
  folder: Buffer,
  newName: () => string,
): Promise<{ readonly moved: readonly string[]; readonly problem: Problem | null }> {
  const moved: string[] = [];
  for (let pass = 1; ; pass++) {
    let problem: Problem | null = null;
    try {
      for await (const entries of entriesOf(folder)) {
        const remove = async (entry: Dirent): Promise<void> => {
          const at = joinBytes(folder, bytesOfName(entry.name));
          try {
            const name = await removeEntry(folder, at, entry, newName);
            if (name !== null) moved.push(name);
          } catch (error) {
            problem ??= { at, error };
          }
        };
        await Promise.all(entries.map(remove));
      }
      // If an entry remains, rmdir would only report that the folder is not empty.
      if (problem === null) await rmdir(folder);
      return { moved, problem };
    } catch (error) {
      const code = systemCode(error);
      if (code === 'ENOENT') return { moved, problem };
      if (pass === mostPasses || !isFilled(error)) return { moved, problem: { at: folder, error } };
      await pause(passPauseMs);
    }
  }
}

/** In groups, because a folder may hold millions. */
async function* entriesOf(folder: Buffer): AsyncGenerator<readonly Dirent[]> {
  // The type lacks bytes for a path, but Node accepts them.
  const open = () => opendir(folder as unknown as string, { encoding: nameEncoding, bufferSize: 256 });
  const entries = await opened(folder, open);
  let group: Dirent[] = [];
  for await (const entry of entries) {
    group.push(entry);
    if (group.length < atOnce) continue;
    yield group;
    group = [];
  }
  yield group;
}

/** @returns the new name of a folder that is not empty; null for an entry that is gone */
async function removeEntry(
  folder: Buffer,
  at: Buffer,
  entry: Dirent,
  newName: () => string,
): Promise<string | null> {
  try {
    if (!(await isFolder(entry, at))) {
      await opened(folder, () => unlink(at));
      return null;
    }
    try {
      await opened(folder, () => rmdir(at));
      return null;
    } catch (error) {
      if (!isFilled(error)) throw error;
    }
    const name = newName();
    // Moving a folder needs write permission for the folder itself.
    await opened(at, () => opened(folder, () => rename(at, name)));
    return name;
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return null;
    throw error;
  }
}

async function isFolder(entry: Dirent, at: Buffer): Promise<boolean> {
  const isKnown = entry.isDirectory() || entry.isFile() || entry.isSymbolicLink();
  // Some file systems do not report the type of an entry.
  return isKnown ? entry.isDirectory() : (await lstat(at)).isDirectory();
}

/** On a permission error, gives the owner access to the folder and retries once. */
async function opened<T>(folder: Buffer, act: () => Promise<T>): Promise<T> {
  try {
    return await act();
  } catch (error) {
    if (!isClosed(error)) throw error;
    try {
      await chmod(folder, folderMode);
    } catch {
      // The first error is the one to report.
      throw error;
    }
    return act();
  }
}

function isClosed(error: unknown): boolean {
  const code = systemCode(error);
  return code === 'EACCES' || code === 'EPERM';
}

function isFilled(error: unknown): boolean {
  const code = systemCode(error);
  return code === 'ENOTEMPTY' || code === 'EEXIST';
}
