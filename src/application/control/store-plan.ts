import { MaosError } from '../../domain/errors.ts';
import { makeSessionId } from '../../domain/ids.ts';
import type { Plan } from '../../domain/plan.ts';
import { type Change, createWorkflow, type Workflow } from '../../domain/workflow.ts';
import type { AcpRunRecord } from '../ports/acp-runs.ts';
import type { Lease } from '../ports/ownership.ts';
import { AgentIdTaken } from '../ports/session-store.ts';
import type { Project } from '../project.ts';
import { whenFree } from '../when-free.ts';

/** Even with millions of stored agents, this many random ids in a row do not all collide. */
const maxDraws = 10;

/** The parts of the project that storing a plan needs. */
export type PlanStoreProject = Pick<Project, 'clock' | 'ids' | 'instance' | 'settings'> & {
  readonly store: Pick<Project['store'], 'create'>;
};

/** The session of a plan, with ids drawn for it. Nothing is stored. */
export function drawWorkflow(project: Pick<Project, 'clock' | 'ids'>, plan: Plan): Change {
  const ids = {
    sessionId: makeSessionId(project.ids.ulid()),
    suffixes: plan.agents.map(() => project.ids.suffix()),
  };
  return createWorkflow(plan, ids, project.clock.now());
}

/**
 * Stores a plan as a new session that this process owns. Draws new ids when one is taken: with many sessions, six
 * random characters sometimes collide.
 * @param complete adds to the session what is not in its plan
 * @throws LandingTaken, and as the store
 */
export async function storePlan(
  project: PlanStoreProject,
  plan: Plan,
  complete: (change: Change) => Change = (change) => change,
  acpRun: AcpRunRecord | null = null,
): Promise<{ readonly lease: Lease; readonly workflow: Workflow }> {
  for (let draws = 1; ; draws++) {
    const change = complete(drawWorkflow(project, plan));
    try {
      const lease = await whenFree(project, () => project.store.create(change, project.instance, acpRun));
      return { lease, workflow: change.next };
    } catch (error) {
      if (!(error instanceof AgentIdTaken)) throw error;
      if (draws === maxDraws) throw new MaosError('INTERNAL', error.message, { cause: error });
    }
  }
}
