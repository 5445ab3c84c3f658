import { randomBytes } from 'node:crypto';
import type { Dirent } from 'node:fs';
import { chmod, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { MaintenanceFiles, NotRemoved, Removal } from '../../../application/ports/maintenance.ts';
import { isSessionId, type SessionId } from '../../../domain/ids.ts';
import { allocatedSize } from '../disk/allocated-size.ts';
import { isTemporaryName, writeFileAtomic } from '../disk/atomic.ts';
import { fileError, isMissing, systemCode } from '../disk/file-error.ts';
import { ensureFolder, folderMode } from '../disk/folders.ts';
import { removeTree } from '../disk/remove-tree.ts';
import type { SessionLayout } from '../home/layout.ts';

const trashName = 'trash';
const stampName = 'last-collection';
const removalPattern = /^([0-9a-f]{16})\.removal\.json$/;
/** An older temporary file was left by a process that was killed. */
const temporaryMs = 3_600_000;
const discardedPattern = /^(sess_[0-9A-Z]{26})\.[0-9a-f]{12}$/;

type RemovalFiles = Pick<
  MaintenanceFiles,
  | 'folders'
  | 'sizeOf'
  | 'lastChange'
  | 'beginRemoval'
  | 'removals'
  | 'endRemoval'
  | 'discard'
  | 'sweep'
  | 'lastCollection'
  | 'noteCollection'
>;

/**
 * Removes session folders so that a kill at any moment leaves nothing half visible: first `trash/TOKEN.removal.json`
 * names the sessions; then their records are deleted, one transaction each; then each folder is renamed into `trash/`
 * and emptied there; finally the file is deleted. The next removal completes one that was interrupted.
 */
export function makeRemovalFiles(projectFolder: string, layout: SessionLayout): RemovalFiles {
  const trash = join(projectFolder, trashName);
  const stamp = join(trash, stampName);
  const removalPath = (token: string): string => join(trash, `${token}.removal.json`);
  /** Names in the trash for a session's folders, matched by {@link discardedPattern}. */
  const discardedName = (id: string) => (): string => join(trash, `${id}.${randomBytes(6).toString('hex')}`);

  return {
    async folders() {
      const entries = await entriesOf(join(projectFolder, 'sessions'));
      const ids = entries.flatMap((entry) => (isSessionId(entry.name) ? [entry.name] : []));
      return ids.sort();
    },

    sizeOf: (id) => allocatedSize(layout.session(id)),

    async lastChange(id) {
      const files = [layout.log(id), layout.metadata(id)];
      // If an agent made the folder unreadable, only the folder's own time is available.
      const times = await Promise.all(files.map(changeOf)).catch(() => [changeOf(layout.session(id))]);
      const newest = Math.max(...(await Promise.all(times)).map((time) => time ?? 0));
      return newest === 0 ? null : new Date(newest).toISOString();
    },

    async beginRemoval(sessions, begunAt) {
      const token = randomBytes(8).toString('hex');
      await ensureFolder(trash);
      await writeFileAtomic(removalPath(token), `${JSON.stringify({ begunAt, sessions }, null, 2)}\n`);
      return { token, sessions, begunAt };
    },

    async removals() {
      const found: Removal[] = [];
      for (const { name } of await entriesOf(trash)) {
        const token = removalPattern.exec(name)?.[1];
        const removal = token === undefined ? null : await readRemoval(removalPath(token), token);
        if (removal !== null) found.push(removal);
      }
      return found;
    },

    endRemoval: ({ token }) => rm(removalPath(token), { force: true }),

    async discard(id) {
      await ensureFolder(trash);
      const newName = discardedName(id);
      const discarded = newName();
      const folder = layout.session(id);
      try {
        // A folder without write permission for its owner cannot be moved.
        await rename(folder, discarded).catch(async (error: unknown) => {
          if (isMissing(error)) throw error;
          await chmod(folder, folderMode);
          await rename(folder, discarded);
        });
      } catch (error) {
        if (isMissing(error)) return [];
        return [{ path: folder, reason: systemCode(error) ?? String(error) }];
      }
      return removeTree(discarded, newName);
    },

    async sweep() {
      const left: NotRemoved[] = [];
      for (const { name } of await entriesOf(trash)) {
        const path = join(trash, name);
        const id = discardedPattern.exec(name)?.[1];
        if (id !== undefined) left.push(...(await removeTree(path, discardedName(id))));
        // Another process may be writing a newer one.
        else if (isTemporaryName(name) && (await isOlder(path, temporaryMs))) await rm(path, { force: true });
      }
      return left;
    },

    async lastCollection() {
      const time = await changeOf(stamp);
      return time === null ? null : new Date(time).toISOString();
    },

    async noteCollection(at) {
      await ensureFolder(trash);
      await writeFileAtomic(stamp, `${at}\n`);
    },
  };
}

async function entriesOf(folder: string): Promise<readonly Dirent[]> {
  try {
    return await readdir(folder, { withFileTypes: true });
  } catch (error) {
    if (isMissing(error)) return [];
    throw fileError(error, 'list', folder);
  }
}

/** Null for a file that is gone or was not written by MAOS. */
async function readRemoval(path: string, token: string): Promise<Removal | null> {
  try {
    const { begunAt, sessions } = JSON.parse(await readFile(path, 'utf8')) as Record<string, unknown>;
    if (typeof begunAt !== 'string' || !Array.isArray(sessions)) return null;
    return { token, begunAt, sessions: sessions.filter((id): id is SessionId => isSessionId(String(id))) };
  } catch (error) {
    if (isMissing(error) || error instanceof SyntaxError) return null;
    throw fileError(error, 'read', path);
  }
}

async function isOlder(path: string, ms: number): Promise<boolean> {
  const time = await changeOf(path);
  return time !== null && time < Date.now() - ms;
}

async function changeOf(path: string): Promise<number | null> {
  try {
    return (await stat(path)).mtimeMs;
  } catch (error) {
    if (isMissing(error)) return null;
    throw fileError(error, 'inspect', path);
  }
}
