import type { SessionId } from '../../domain/ids.ts';
import { isSessionEnded } from '../../domain/session.ts';
import type { Project } from '../project.ts';
import { type OwnershipTiming, ownershipTiming } from '../session/supervisor.ts';

/** Why nobody works on a session that should run, for people; null while somebody does, or it waits for somebody. */
export async function unattended(
  { store, clock, instance, instances }: Pick<Project, 'store' | 'clock' | 'instance' | 'instances'>,
  id: SessionId,
  { leaseTtlMs }: Pick<OwnershipTiming, 'leaseTtlMs'> = ownershipTiming,
): Promise<string | null> {
  const found = store.unfinished().find(({ sessionId }) => sessionId === id);
  if (found === undefined || isSessionEnded(found.state) || found.owner === instance) return null;
  const { owner, heartbeatAt } = found;
  if (owner === null) return 'no maos runs it';
  if (!(await instances.isAlive(owner))) return `the maos that ran it, ${owner}, is gone`;
  const silentMs = Date.parse(clock.now()) - Date.parse(heartbeatAt ?? '');
  if (silentMs <= leaseTtlMs) return null;
  const heardMs = Date.parse(clock.now()) - Date.parse(instances.heardAt(owner) ?? '');
  const why =
    heardMs <= leaseTtlMs
      ? 'it lives and goes on trying, but the store takes nothing from it: another program holds its lock, or it cannot be written'
      : 'it stands still, or nothing can be written below MAOS_HOME';
  return `the maos that runs it, ${owner}, has written nothing for ${Math.round(silentMs / 1000)} s: ${why}`;
}
