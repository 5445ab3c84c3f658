import type { SessionId } from '../../domain/ids.ts';
import { decideCandidates } from '../maintenance/retention/candidates.ts';
import type { HostedRecords, HostedSessions } from '../ports/hosting.ts';
import type { Log } from '../ports/log.ts';
import type { RetentionPolicy } from '../ports/maintenance.ts';

export interface HostCollection {
  readonly records: Pick<HostedRecords, 'all'>;
  /** The projects that agents have worked for on this host. */
  projects(): Promise<readonly HostedSessions[]>;
  /** Whether an agent of the session is on this host now. */
  isBusy(project: string, id: SessionId): boolean;
  readonly policy: RetentionPolicy;
  readonly log: Log;
}

/**
 * Removes what agents of other homes have left on this host, by the same limits as sessions at home. Their homes have
 * all results. Killed at any moment, it leaves a session's folder complete or already renamed for removal.
 */
export async function collectHosted(host: HostCollection, now: string): Promise<void> {
  const held = new Set((await host.records.all()).map(({ key }) => `${key.project}.${key.sessionId}`));
  for (const { project, maintenance, lastUse } of await host.projects()) {
    const sessions = [];
    for (const id of await maintenance.folders()) {
      const live = held.has(`${project}.${id}`) || host.isBusy(project, id);
      sessions.push({ id, live, endedAt: await lastUse(id) });
    }
    const byEnd = sessions.toSorted((a, b) => (String(a.endedAt) < String(b.endedAt) ? -1 : 1));
    const { candidates } = await decideCandidates({ files: { maintenance } }, host.policy, now, byEnd);
    const left = [...(await maintenance.sweep())];
    for (const { id } of candidates) {
      // An agent of the session may have come meanwhile.
      if (!host.isBusy(project, id)) left.push(...(await maintenance.discard(id)));
    }
    for (const one of left)
      host.log.log('warn', 'files of an agent were not removed, retrying later', { ...one });
  }
}
