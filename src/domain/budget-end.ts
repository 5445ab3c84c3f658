import { activeMs } from './active-time.ts';
import { type BudgetFinding, checkBudget } from './budget.ts';
import { totalUsage } from './usage.ts';
import type { Workflow } from './workflow.ts';

type Ended = Pick<Workflow, 'session' | 'agents'>;

/** The cap that an ended session has used up; undefined if none. */
export function capReached({ session, agents }: Ended): BudgetFinding | undefined {
  const usage = totalUsage(agents.map((agent) => agent.usage));
  const wallMs = session.endedAt === null ? 0 : activeMs(session, Date.parse(session.endedAt));
  return checkBudget(session.budget, usage, wallMs).find(({ level }) => level === 'exceeded');
}

/** Whether a session has failed because a budget is used up, its own or those of its agents, and for no other reason. */
export function isBudgetEnd(workflow: Ended): boolean {
  const kinds = new Set(workflow.agents.flatMap(({ failure }) => (failure === null ? [] : [failure.kind])));
  kinds.delete('dependency_failed');
  const isOnly = kinds.delete('budget_exceeded');
  return kinds.size === 0 && (isOnly || capReached(workflow) !== undefined);
}
