import { open } from 'node:fs/promises';
import type { LogLine, MaintenanceFiles } from '../../../application/ports/maintenance.ts';
import type { RecordedEvent } from '../../../domain/events.ts';
import { fileError, isMissing } from '../disk/file-error.ts';
import type { SessionLayout } from '../home/layout.ts';
import { makeCheckpointFiles } from './checkpoint-files.ts';
import { makeRemovalFiles } from './session-removal.ts';
import { makeWorktreeFiles } from './session-worktrees.ts';

/** @param projectFolder absolute: `~/.maos/projects/{hash}` */
export function makeMaintenanceFiles(projectFolder: string, layout: SessionLayout): MaintenanceFiles {
  return {
    ...makeCheckpointFiles(layout.session),
    ...makeRemovalFiles(projectFolder, layout),
    ...makeWorktreeFiles(projectFolder, layout),
    logLines: (id) => readLog(layout.log(id)),
    writeArchive: async (id, documents, to, options) => {
      // Loaded on demand, because packing is rare.
      const { writeArchive } = await import('../archive/session-archive.ts');
      return writeArchive({ folder: layout.session(id), name: id, documents, to, ...options });
    },
  };
}

async function* readLog(path: string): AsyncGenerator<LogLine> {
  try {
    const file = await open(path, 'r');
    try {
      let rest = '';
      let number = 0;
      for await (const chunk of file.createReadStream({ encoding: 'utf8', autoClose: false })) {
        const lines = (rest + chunk).split('\n');
        rest = lines.pop() ?? '';
        for (const line of lines) {
          number += 1;
          yield { number, event: eventIn(line), whole: true };
        }
      }
      if (rest !== '') yield { number: number + 1, event: eventIn(rest), whole: false };
    } finally {
      await file.close();
    }
  } catch (error) {
    if (!isMissing(error)) throw fileError(error, 'read', path);
  }
}

/** Null for a line that is not a record. */
function eventIn(line: string): RecordedEvent | null {
  try {
    const record: unknown = JSON.parse(line);
    if (typeof record !== 'object' || record === null) return null;
    const { seq, type, sessionId, agentId, at, data } = record as Record<string, unknown>;
    const isRecord =
      Number.isSafeInteger(seq) &&
      [type, sessionId, at].every((text) => typeof text === 'string') &&
      (agentId === null || typeof agentId === 'string') &&
      typeof data === 'object' &&
      data !== null;
    return isRecord ? ({ seq, type, sessionId, agentId, at, data } as RecordedEvent) : null;
  } catch {
    // The caller looks for damaged lines.
    return null;
  }
}
