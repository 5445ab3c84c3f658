import type { Dirent } from 'node:fs';
import { chmod, lstat, opendir, rename, rmdir, unlink } from 'node:fs/promises';
import { setTimeout as pause } from 'node:timers/promises';
import type { NotRemoved } from '../../../application/ports/maintenance.ts';
import { systemCode } from './file-error.ts';
import { bytesOfName, joinBytes, nameEncoding, textOfName } from './file-names.ts';
import { folderMode } from './folders.ts';

/** Entries removed at once. */
const atOnce = 16;
/** Somebody else may be emptying, or still filling, the same folder. */
const mostPasses = 5;
const passPauseMs = 20;
/** An agent decides how many there are; the rest of the folder stays with them. */
const mostNamed = 10;

/**
 * Removes a folder with everything in it, and passes what cannot be removed.
 *
 * Problem: agents leave trees deeper than any path can name, folders closed even to their owner, names that are no text.
 * Solution: a folder that is not empty is moved to a new short name and emptied there, so that no path has more than one
 * name below it; modes are opened as far as the owner may; names are kept byte for byte.
 * @param newName absolute, on the same file system: what has it when this process is killed is removed by the next one
 * @returns what is left of it, with the reason, the first few
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

/** Removes one folder; those in it that are not empty get new names, which it gives back. */
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
      // If an entry could not be removed, this error would only say that the folder is not empty.
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

/** In groups: a folder may hold millions. */
async function* entriesOf(folder: Buffer): AsyncGenerator<readonly Dirent[]> {
  // Its type knows no bytes for a path, but it takes them.
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

/** @returns the new name of a folder that is not empty; null for what is gone */
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
    // To be moved, it must itself be open to its owner.
    await opened(at, () => opened(folder, () => rename(at, name)));
    return name;
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return null;
    throw error;
  }
}

async function isFolder(entry: Dirent, at: Buffer): Promise<boolean> {
  const isKnown = entry.isDirectory() || entry.isFile() || entry.isSymbolicLink();
  // Some file systems do not say with the name what it is.
  return isKnown ? entry.isDirectory() : (await lstat(at)).isDirectory();
}

/** Tries again once with the folder open to its owner, whom the mode may have shut out. */
async function opened<T>(folder: Buffer, act: () => Promise<T>): Promise<T> {
  try {
    return await act();
  } catch (error) {
    if (!isClosed(error)) throw error;
    try {
      await chmod(folder, folderMode);
    } catch {
      // What was refused first is what has to be told.
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
