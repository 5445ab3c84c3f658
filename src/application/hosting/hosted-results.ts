import type { BlobName, Fleet, HostedWork } from '../ports/fleet.ts';
import type { HostedPlace, HostedRecord, HostedRecords } from '../ports/hosting.ts';
import { getting, type Persistence, persist } from './persist.ts';

export interface HostedResultsDeps extends Persistence {
  readonly fleet: Fleet;
  readonly records: Pick<HostedRecords, 'given'>;
  readonly place: Pick<HostedPlace, 'files' | 'code'>;
}

/**
 * Sends the files that an attempt has left, without those that it was given.
 * @returns null if there are none, or they cannot be sent
 */
export async function sendFiles(
  { key, order }: HostedRecord,
  deps: HostedResultsDeps,
): Promise<BlobName | null> {
  const { fleet, place, records, log, signal } = deps;
  const { session, agent, files: given } = order;
  try {
    const known =
      given === null ? null : ((await records.given(key)) ?? (await getting(() => fleet.get(given), deps)));
    const archive = await place.files.pack(session.id, agent.name, known);
    if (archive === null) return null;
    const name = `${key.project}.${key.sessionId}.${key.agentId}.${key.attempt}.files`;
    return await persist('sending files', () => fleet.put(name, archive), deps);
  } catch (error) {
    signal.throwIfAborted();
    log.log('error', 'the files of an agent could not be sent to its home', {
      agentId: agent.id,
      error: String(error),
    });
    return null;
  }
}

/**
 * Sends its work, or why it cannot be sent.
 * @returns null if it has no worktree
 */
export async function sendWork(
  { key, order }: HostedRecord,
  deps: HostedResultsDeps,
): Promise<HostedWork | null> {
  const { fleet, place, log, signal } = deps;
  try {
    const name = `${key.project}.${key.sessionId}.${key.agentId}.${key.attempt}.work`;
    const taken = await place.code.take(order, (path) =>
      persist('sending work', () => fleet.putFile(name, path), deps),
    );
    return taken === null ? null : { how: 'taken', ...taken };
  } catch (error) {
    signal.throwIfAborted();
    log.log('error', 'the work of an agent could not be sent to its home', {
      agentId: key.agentId,
      error: String(error),
    });
    return { how: 'failed', reason: error instanceof Error ? error.message : String(error) };
  }
}
