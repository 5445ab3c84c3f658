import { readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type {
  Checkpoint,
  FoundCheckpoint,
  MaintenanceFiles,
} from '../../../application/ports/maintenance.ts';
import { MaosError } from '../../../domain/errors.ts';
import type { SessionId } from '../../../domain/ids.ts';
import { isTemporaryName, writeFileAtomic } from '../disk/atomic.ts';
import { fileError, isMissing, showPath } from '../disk/file-error.ts';
import { ensureFolder } from '../disk/folders.ts';

const folderName = 'checkpoints';
/** The number is the `seq` of the last event in the checkpoint. */
const namePattern = /^([0-9]{4,15})\.json$/;

type CheckpointFiles = Pick<
  MaintenanceFiles,
  'writeCheckpoint' | 'checkpoints' | 'readCheckpoint' | 'readCheckpointFile' | 'dropCheckpoints'
>;

/**
 * `checkpoints/0042.json` in each session's folder: readable, written atomically; only the newest few are kept.
 * @param sessionFolder returns the absolute path of a session's folder
 */
export function makeCheckpointFiles(sessionFolder: (id: SessionId) => string): CheckpointFiles {
  async function list(id: SessionId): Promise<readonly FoundCheckpoint[]> {
    const names = await namesIn(join(sessionFolder(id), folderName));
    return names
      .flatMap((name) => {
        const seq = namePattern.exec(name)?.[1];
        return seq === undefined ? [] : [{ seq: Number(seq), path: `${folderName}/${name}` }];
      })
      .sort((a, b) => b.seq - a.seq);
  }

  async function remove(id: SessionId, checkpoints: readonly FoundCheckpoint[]): Promise<void> {
    for (const { path } of checkpoints) await rm(join(sessionFolder(id), path), { force: true });
  }

  return {
    checkpoints: list,

    async writeCheckpoint(checkpoint, keep) {
      const { id } = checkpoint.workflow.session;
      const { seq } = checkpoint.lastEvent;
      const folder = join(sessionFolder(id), folderName);
      await ensureFolder(folder);
      const path = `${folderName}/${String(seq).padStart(4, '0')}.json`;
      await writeFileAtomic(join(sessionFolder(id), path), `${JSON.stringify(checkpoint, null, 2)}\n`);
      const found = await list(id);
      await remove(id, found.slice(keep));
      // The only writer has finished, so a temporary file was left by one that was killed.
      for (const name of await namesIn(folder)) {
        if (isTemporaryName(name)) await rm(join(folder, name), { force: true });
      }
      return { path, keepFrom: found.slice(0, keep).at(-1)?.seq ?? seq };
    },

    async dropCheckpoints(id, after) {
      await remove(
        id,
        (await list(id)).filter(({ seq }) => seq > after),
      );
    },

    async readCheckpoint(id, path) {
      const file = join(sessionFolder(id), path);
      const checkpoint = await readCheckpointFile(file);
      const other = checkpoint.workflow.session.id;
      if (other === id) return checkpoint;
      throw new MaosError('INVALID_INPUT', `${showPath(file)} is a checkpoint of ${other}, not of ${id}.`, {
        details: { path: file, sessionId: other },
      });
    },

    readCheckpointFile,
  };
}

async function readCheckpointFile(path: string): Promise<Checkpoint> {
  try {
    // Loaded on demand: rarely needed, and the schema library is slow to load.
    const { parseCheckpoint } = await import('./checkpoint-shape.ts');
    return parseCheckpoint(await readFile(path, 'utf8'), path);
  } catch (error) {
    if (!isMissing(error)) throw fileError(error, 'read', path);
    throw new MaosError('INVALID_INPUT', `There is no checkpoint ${showPath(path)}.`, { details: { path } });
  }
}

async function namesIn(folder: string): Promise<readonly string[]> {
  try {
    return await readdir(folder);
  } catch (error) {
    if (isMissing(error)) return [];
    throw fileError(error, 'list', folder);
  }
}
