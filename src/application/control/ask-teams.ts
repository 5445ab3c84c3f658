import { isMaosError } from '../../domain/errors.ts';
import type { ParentAgent } from '../../domain/session.ts';
import type { TeamRequest } from '../ports/teams.ts';
import type { Project } from '../project.ts';
import type { OwnershipTiming } from '../session/supervisor.ts';
import { whenFree } from '../when-free.ts';
import { findOrphans } from './orphans.ts';

type Needs = Pick<Project, 'instance' | 'store' | 'instances' | 'settings' | 'watcher' | 'clock'>;

/** The requester in the team's event log. */
const parentAsks = 'parent';

/**
 * Sends a request to the teams that an agent started in this project.
 * @returns whether one of them has no owner to receive it
 * @throws MaosError STORE_…
 */
export async function askTeams(
  project: Needs,
  parent: ParentAgent,
  desired: TeamRequest,
  reason: string,
  timing: Pick<OwnershipTiming, 'leaseTtlMs'>,
): Promise<boolean> {
  const { store, clock, watcher } = project;
  const asked = new Set<string>();
  for (const { sessionId, askedBy } of store.teamsOf(parent)) {
    // A team that someone else has paused stays paused.
    if (desired === 'running' && askedBy !== parentAsks) continue;
    const request = { sessionId, agentId: null, desired, reason } as const;
    try {
      await whenFree(project, () => store.request(request, parentAsks, clock.now()));
      asked.add(sessionId);
    } catch (error) {
      // The team has ended by itself.
      if (!isMaosError(error, 'INVALID_TRANSITION')) throw error;
    }
  }
  if (asked.size === 0) return false;
  watcher.notify();
  return (await findOrphans(project, timing)).some(({ sessionId }) => asked.has(sessionId));
}
