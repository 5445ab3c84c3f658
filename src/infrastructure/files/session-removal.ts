import { randomBytes } from 'node:crypto';
import type { Dirent } from 'node:fs';
import { lstat, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { KeepingFiles, Removal } from '../../application/keeping-ports.ts';
import { isSessionId, type SessionId } from '../../domain/ids.ts';
import { isTemporaryName, writeFileAtomic } from './atomic.ts';
import { fileError, isMissing } from './file-error.ts';
import { ensureFolder } from './folders.ts';
import type { SessionLayout } from './layout.ts';

const trashName = 'trash';
const stampName = 'last-collection';
const removalPattern = /^([0-9a-f]{16})\.removal\.json$/;
/** A temporary file that old is what a killed process left. */
const temporaryMs = 3_600_000;
const discardedPattern = /^sess_[0-9A-Z]{26}\.[0-9a-f]{12}$/;

type RemovalFiles = Pick<
  KeepingFiles,
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
 * Removes session folders so that a kill at any moment leaves nothing half visible:
 * `trash/TOKEN.removal.json` names the sessions first; then their records go, in one transaction each; then each folder
 * is renamed into `trash/`, and emptied there; then the file goes. Whoever collects next ends what was begun.
 */
export function makeRemovalFiles(projectFolder: string, layout: SessionLayout): RemovalFiles {
  const trash = join(projectFolder, trashName);
  const stamp = join(trash, stampName);
  const removalPath = (token: string): string => join(trash, `${token}.removal.json`);

  return {
    async folders() {
      const entries = await entriesOf(join(projectFolder, 'sessions'));
      const ids = entries.flatMap((entry) => (isSessionId(entry.name) ? [entry.name] : []));
      return ids.sort();
    },

    sizeOf: (id) => apparentSize(layout.session(id)),

    async lastChange(id) {
      const times = await Promise.all([layout.log(id), layout.metadata(id)].map(changeOf));
      const newest = Math.max(...times.map((time) => time ?? 0));
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
      const discarded = join(trash, `${id}.${randomBytes(6).toString('hex')}`);
      try {
        await rename(layout.session(id), discarded);
      } catch (error) {
        if (isMissing(error)) return;
        throw fileError(error, 'move away', layout.session(id));
      }
      await removeFolder(discarded);
    },

    async sweep() {
      for (const { name } of await entriesOf(trash)) {
        const path = join(trash, name);
        if (discardedPattern.test(name)) await removeFolder(path);
        // Another process may be writing a younger one.
        else if (isTemporaryName(name) && (await isOlder(path, temporaryMs))) await rm(path, { force: true });
      }
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

/** Null for a file that went, or that somebody else left there. */
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
    throw fileError(error, 'look at', path);
  }
}

/** Another process may be emptying the same folder; both then try again until it is gone. */
async function removeFolder(path: string): Promise<void> {
  try {
    await rm(path, { recursive: true, force: true, maxRetries: 5, retryDelay: 20 });
  } catch (error) {
    throw fileError(error, 'remove', path);
  }
}

/** Bytes of all files as programs see them, holes included; links count for themselves. */
async function apparentSize(folder: string): Promise<number> {
  let bytes = 0;
  for (const entry of await entriesUnlessClosed(folder)) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) bytes += await apparentSize(path);
    else if (entry.isFile()) bytes += await fileSize(path);
  }
  return bytes;
}

async function entriesUnlessClosed(folder: string): Promise<readonly Dirent[]> {
  try {
    return await entriesOf(folder);
  } catch {
    // An agent closed a folder of its own: what is in it cannot be counted, the rest can.
    return [];
  }
}

async function fileSize(path: string): Promise<number> {
  try {
    return (await lstat(path)).size;
  } catch {
    // Gone since it was listed: nothing that takes room.
    return 0;
  }
}
