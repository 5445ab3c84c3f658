import { beginLanding, type LandingChoice, type LandingScope, landingPlan } from '../../domain/landing.ts';
import type { Workflow } from '../../domain/workflow.ts';
import { type PlanStoreProject, storePlan } from '../control/store-plan.ts';
import type { Lease } from '../ports/ownership.ts';

/**
 * Stores the session that lands the work of another. At least one agent has something to land.
 * @throws LandingTaken
 */
export function createLanding(
  project: PlanStoreProject,
  workflow: Workflow,
  scope: LandingScope,
  choice: LandingChoice,
): Promise<{ readonly lease: Lease; readonly workflow: Workflow }> {
  const plan = landingPlan(workflow, scope, choice);
  return storePlan(project, plan, (change) => beginLanding(change, scope));
}
