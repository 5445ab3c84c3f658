import type { SessionId } from '../../domain/ids.ts';
import { isSessionEnded } from '../../domain/session.ts';
import { isBeingDetached } from '../control/orphans.ts';
import type { Project } from '../project.ts';
import { type OwnershipTiming, ownershipTiming } from '../session/supervisor.ts';

/** Why no process runs a session that should run, for people; null if one does, or if the session waits for a request. */
export async function unattended(
  { store, clock, instance, instances }: Pick<Project, 'store' | 'clock' | 'instance' | 'instances'>,
  id: SessionId,
  { leaseTtlMs }: Pick<OwnershipTiming, 'leaseTtlMs'> = ownershipTiming,
): Promise<string | null> {
  const found = store.unfinished().find(({ sessionId }) => sessionId === id);
  if (found === undefined || isSessionEnded(found.state) || found.owner === instance) return null;
  const { owner, heartbeatAt } = found;
  if (owner === null) return 'no maos process is running it';
  if (!(await instances.isAlive(owner))) {
    if (isBeingDetached(found, clock.now())) return null;
    const how = found.ownerIsExiting ? 'has exited, and no other has adopted it' : 'has died';
    return `the maos process that ran it, ${owner}, ${how}`;
  }
  const silentMs = Date.parse(clock.now()) - Date.parse(heartbeatAt ?? '');
  if (silentMs <= leaseTtlMs) return null;
  const heardMs = Date.parse(clock.now()) - Date.parse(instances.heardAt(owner) ?? '');
  const why =
    heardMs <= leaseTtlMs
      ? 'it is alive and keeps trying, but cannot write to the database: another program holds its lock, or the disk is full or read-only'
      : 'it is stopped, or cannot write to MAOS_HOME';
  return `the maos process that runs it, ${owner}, has written nothing for ${Math.round(silentMs / 1000)} s: ${why}`;
}
