import { MaosError, quote } from '../../domain/errors.ts';
import type { RecordedEvent } from '../../domain/events.ts';
import type { SessionId } from '../../domain/ids.ts';
import { replay } from '../../domain/replay.ts';
import type { Workflow } from '../../domain/workflow.ts';
import type { Checkpoint } from '../ports/maintenance.ts';
import type { Project } from '../project.ts';
import { whenFree } from '../when-free.ts';

type Needs = Pick<Project, 'instance' | 'store' | 'files' | 'instances' | 'settings' | 'watcher' | 'clock'>;

export interface Recovered {
  readonly workflow: Workflow;
  /** Relative to the session's folder, or the path that the caller gave. */
  readonly checkpoint: string;
  /** Number of restored records from session.log. */
  readonly events: number;
  /** Newer checkpoints that could not be used, with the reasons. */
  readonly passedOver: readonly string[];
}

interface Candidate {
  readonly path: string;
  read(): Promise<Checkpoint>;
}

/**
 * Restores a session that the store has lost, from its newest checkpoint and its log. Both must belong together. As
 * after any crash, the next owner settles or follows agents recorded as running, so none of them runs twice.
 * @throws MaosError SESSION_NOT_FOUND, INVALID_TRANSITION when the session is in the store, STORE_CORRUPT when no
 *   checkpoint fits the log
 */
export async function recoverSession(project: Needs, id: SessionId): Promise<Recovered> {
  const { maintenance } = project.files;
  const candidates = (await maintenance.checkpoints(id)).map(({ path }) => ({
    path,
    read: () => maintenance.readCheckpoint(id, path),
  }));
  if (candidates.length === 0) {
    throw new MaosError(
      'SESSION_NOT_FOUND',
      `Session ${id} has no checkpoint in ${project.files.describe(id)}: there is nothing to recover it from.`,
      { details: { sessionId: id } },
    );
  }
  return recoverFrom(project, id, candidates);
}

/** Like {@link recoverSession}, from a given checkpoint file anywhere. @throws as recoverSession, and INVALID_INPUT */
export async function recoverFromFile(project: Needs, file: string): Promise<Recovered> {
  const checkpoint = await project.files.maintenance.readCheckpointFile(file);
  return recoverFrom(project, checkpoint.workflow.session.id, [{ path: file, read: async () => checkpoint }]);
}

/**
 * The session with a folder that an id, an unambiguous part of one, or `latest` refers to. @throws MaosError
 * SESSION_NOT_FOUND
 */
export async function findFolder({ files }: Needs, text: string): Promise<SessionId> {
  const folders = await files.maintenance.folders();
  const wanted = text.replace(/^sess_/i, '').toUpperCase();
  const found =
    text === 'latest'
      ? folders.slice(-1)
      : folders.filter((id) => id.startsWith(`sess_${wanted}`) || id.endsWith(wanted));
  const [only] = found;
  if (only !== undefined && found.length === 1) return only;
  throw new MaosError(
    'SESSION_NOT_FOUND',
    only === undefined
      ? `This project has no session folder ${quote(text)}.`
      : `${quote(text)} matches more than one session: ${found.slice(0, 8).join(', ')}. Give more characters.`,
    { details: { reference: text } },
  );
}

async function recoverFrom(
  project: Needs,
  id: SessionId,
  candidates: readonly Candidate[],
): Promise<Recovered> {
  const { store, files, instance, instances, clock, watcher } = project;
  const events = await logged(project, id);
  const passedOver: string[] = [];
  let lastError: unknown;
  // Announced before it owns anything, so that a process that finds its lease can tell whether it is alive.
  await instances.announce();
  for (const { path, read } of candidates) {
    try {
      const { workflow: before, lastEvent, reason } = await read();
      const workflow = replay(
        before,
        events.filter(({ seq }) => seq > lastEvent.seq),
      );
      const proof = { ...lastEvent, path, reason };
      const lease = await whenFree(project, () =>
        store.maintenance.restore(workflow, events, proof, instance, clock.now()),
      );
      // The restored session will assign their sequence numbers again.
      await files.maintenance.dropCheckpoints(id, events.length);
      await files.appendLog(id, store.events(id, events.length, 100));
      // From here on any process may acquire it.
      await whenFree(project, () => store.release(lease));
      watcher.notify();
      return { workflow, checkpoint: path, events: events.length, passedOver };
    } catch (error) {
      const isUnfit =
        error instanceof MaosError && (error.code === 'STORE_CORRUPT' || error.code === 'INVALID_INPUT');
      // An older checkpoint could not tell which of the later records were altered; a person has to judge that.
      if (!isUnfit || error.details.altered === true) throw error;
      passedOver.push(`${path}: ${error.message}`);
      lastError = error;
    }
  }
  throw lastError;
}

/** The records of the log up to the first damaged one. */
async function logged({ files }: Needs, id: SessionId): Promise<readonly RecordedEvent[]> {
  const events: RecordedEvent[] = [];
  for await (const { event } of files.maintenance.logLines(id)) {
    if (event === null || event.seq !== events.length + 1 || event.sessionId !== id) break;
    events.push(event);
  }
  return events;
}
