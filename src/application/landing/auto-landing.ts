import { isMaosError } from '../../domain/errors.ts';
import type { SessionId } from '../../domain/ids.ts';
import type { Workflow } from '../../domain/workflow.ts';
import type { PlanStoreProject } from '../control/store-plan.ts';
import type { Log } from '../ports/log.ts';
import type { Lease } from '../ports/ownership.ts';
import { LandingTaken } from '../ports/session-store.ts';
import { createLanding } from './create-landing.ts';
import { type LandingFactsProject, landingFacts } from './landing-facts.ts';

/** The parts of the project that landing by itself needs. */
export interface AutoLandingProject extends LandingFactsProject, Omit<PlanStoreProject, 'store'> {
  readonly store: LandingFactsProject['store'] & PlanStoreProject['store'];
  readonly log: Log;
}

/**
 * Stores the session that lands the work of a completed one, if its plan says so and none has done it. Call it while
 * this process still owns the completed session: if this process is killed first, the next owner finds it so.
 * @returns null if there is nothing to do; a failure is logged, and the work can be landed by request
 */
export async function landCompleted(
  project: AutoLandingProject,
  id: SessionId,
): Promise<{ readonly lease: Lease; readonly workflow: Workflow } | null> {
  const ended = project.store.load(id);
  const { session } = ended;
  if (session.land !== 'auto' || session.state !== 'completed' || session.landing !== null) return null;
  if (project.store.landingsOf(id).length > 0) return null;
  try {
    const { target, scope } = await landingFacts(project, ended, null);
    if (scope.owners.length === 0) return null;
    const { depth, parent } = session;
    const choice = { target, squash: false, merger: null, origin: { depth, parent } };
    return await createLanding(project, ended, scope, choice);
  } catch (error) {
    if (isMaosError(error, 'STORE_BUSY')) throw error;
    if (error instanceof LandingTaken) return null;
    project.log.log('error', `the work cannot be landed; try again with: maos land ${id}`, {
      session: id,
      error,
    });
    return null;
  }
}
