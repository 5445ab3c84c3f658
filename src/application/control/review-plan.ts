import { type Plan, reviewPlan } from '../../domain/plan.ts';
import { type PlanProblem, refuseProblems } from '../../domain/plan-problem.ts';
import type { Project } from '../project.ts';
import { type PlacedRequest, planRequest } from './plan-request.ts';

/** Everything that is wrong with a request, whatever this machine has installed and the caller may do. */
export async function problemsOf(project: Project, request: PlacedRequest): Promise<readonly PlanProblem[]> {
  const { asked, problems } = await planRequest(project, request);
  return [...problems, ...reviewPlan(asked).problems];
}

/** @throws RefusedPlan with everything that is wrong with the request: INVALID_ROLE, INVALID_PLAN, INVALID_INPUT */
export async function planOf(project: Project, request: PlacedRequest): Promise<Plan> {
  const { asked, problems } = await planRequest(project, request);
  const reviewed = reviewPlan(asked);
  refuseProblems([...problems, ...reviewed.problems]);
  return reviewed.plan();
}
