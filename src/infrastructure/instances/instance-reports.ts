import type { UnfinishedSession } from '../../application/ports/ownership.ts';
import type { InstanceReport } from '../../application/runtime.ts';
import type { KnownInstance } from './instance-registration.ts';

/**
 * @param owned the sessions that instances own, in all projects
 * @param staleBefore Unix milliseconds: the lease of an owner with an older heartbeat has expired
 */
export function instanceReports(
  instances: readonly KnownInstance[],
  owned: readonly UnfinishedSession[],
  staleBefore: number,
): readonly InstanceReport[] {
  return instances.map(({ id, pid, version, port, workspace, startedAt, heartbeatAt, process }) => {
    const sessions = owned.filter(({ owner }) => owner === id);
    const beats = sessions.map((session) => session.heartbeatAt ?? '');
    // For an invisible instance, its own heartbeat counts as well.
    const isStale = (process === 'unseen' ? [...beats, heartbeatAt] : beats).some(
      (at) => Date.parse(at) < staleBefore,
    );
    const state = process === 'gone' ? 'gone' : isStale ? 'stale' : 'alive';
    const ids = sessions.map(({ sessionId }) => sessionId);
    return { id, pid, version, port, project: workspace, startedAt, sessions: ids, state };
  });
}
