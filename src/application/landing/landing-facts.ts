import { MaosError } from '../../domain/errors.ts';
import type { AgentId } from '../../domain/ids.ts';
import { type LandingScope, landable, landingScope, whyNotLanded } from '../../domain/landing.ts';
import type { Workflow } from '../../domain/workflow.ts';
import type { SessionReader } from '../ports/session-reader.ts';
import type { Workspaces } from '../ports/workspaces.ts';
import type { LatestOf } from '../queries/lookup.ts';
import { noTarget } from './landing-target.ts';

/** The parts of the project that looking at a landing needs. */
export interface LandingFactsProject {
  readonly path: string;
  readonly store: Pick<SessionReader, 'load' | 'landingsOf'>;
  readonly workspaces: Workspaces;
}

/** What a session has to land, and where. */
export interface LandingFacts {
  /** Without `refs/heads/`. */
  readonly target: string;
  /** The target's commit now. */
  readonly tip: string;
  readonly scope: LandingScope;
}

/** For landing, `latest` is the newest session with worktrees. */
export const latestWithWorktrees: LatestOf = {
  suits: ({ repository, landing }) => repository !== null && landing === null,
  none: 'There is no session with agents in worktrees',
};

export function repositoryOf({ path }: Pick<LandingFactsProject, 'path'>, { session }: Workflow): string {
  return session.folder ?? path;
}

/**
 * @param into the branch to land onto; null: the one that was checked out when the session began
 * @throws MaosError INVALID_TRANSITION when the session cannot be landed, INVALID_INPUT when there is no target
 */
export async function landingFacts(
  project: LandingFactsProject,
  workflow: Workflow,
  into: string | null,
): Promise<LandingFacts> {
  const { session } = workflow;
  const why = whyNotLanded(session);
  if (why !== null) {
    throw new MaosError('INVALID_TRANSITION', `Session ${session.id} cannot be landed: ${why}`, {
      details: { sessionId: session.id, state: session.state },
    });
  }
  const target = into?.replace(/^refs\/heads\//, '') ?? session.repository?.branch ?? null;
  if (target === null) {
    throw new MaosError(
      'INVALID_INPUT',
      `No branch was checked out when session ${session.id} began. Name the branch to land onto with --into (into).`,
      { details: { sessionId: session.id } },
    );
  }
  const tip = await project.workspaces.resolve(repositoryOf(project, workflow), target);
  if (tip === null) throw noTarget(target);
  const landed = await landedOn(project, workflow, tip);
  return { target, tip, scope: landingScope(workflow, landed) };
}

/** Agents whose work a commit contains: as they left it, or as an earlier landing changed it. */
async function landedOn(
  project: LandingFactsProject,
  workflow: Workflow,
  tip: string,
): Promise<ReadonlySet<AgentId>> {
  const repository = repositoryOf(project, workflow);
  const earlier = earlierLandings(project, workflow);
  const landed = new Set<AgentId>();
  for (const { id, work } of landable(workflow)) {
    const commits = [...(work?.commit ? [work.commit] : []), ...(earlier.get(id) ?? [])];
    for (const commit of commits) {
      if (landed.has(id)) break;
      if (await project.workspaces.isAncestor(repository, commit, tip)) landed.add(id);
    }
  }
  return landed;
}

/** The commits in which earlier landings of the session brought work to a target, by the agents whose work it was. */
function earlierLandings(
  { store }: LandingFactsProject,
  { session }: Workflow,
): ReadonlyMap<AgentId, readonly string[]> {
  const commits = new Map<AgentId, string[]>();
  for (const landing of store.landingsOf(session.id)) {
    for (const { lands, state, work } of store.load(landing).agents) {
      if (lands === null || state !== 'completed' || work?.commit == null) continue;
      commits.set(lands.agentId, [...(commits.get(lands.agentId) ?? []), work.commit]);
    }
  }
  return commits;
}
